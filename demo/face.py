"""A talking face, generated entirely by code, without photographs or real persons.

The head is a height field (an ellipsoid with bumps for nose, brows, cheeks and chin) lit by two
lights. Face detectors often miss flat cartoon faces, which lack the soft shadows of a photograph,
so every part here is shaded.

Coordinates: `u` points right and `v` down, in units of half the face's width, with the origin
between nose and eyes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Array = np.ndarray

UNIT = 66  # pixels per unit in the final frame
OVERSAMPLE = 2  # the head is drawn larger and scaled down, which smooths its edges
HEAD_CENTRE = (320, 168)
_U_RANGE, _V_RANGE = (-1.7, 1.7), (-2.0, 1.8)

SKIN = np.array([0.86, 0.64, 0.51])
LIP = np.array([0.70, 0.34, 0.32])
HAIR = np.array([0.23, 0.145, 0.10])
SWEATER = np.array([0.17, 0.36, 0.42])
KEY_LIGHT = np.array([-0.42, -0.50, 0.76])
FILL_LIGHT = np.array([0.75, -0.10, 0.65])


@dataclass(frozen=True)
class Pose:
    """The pose of one frame; mouth, lids and gaze change in coarse steps."""

    mouth: int  # 0 closed .. MOUTH_STEPS wide open
    lids: int  # 0 open .. LID_STEPS closed
    gaze: int  # -2 .. 2, a step to the left or right
    dx: float
    dy: float
    roll: float  # degrees


MOUTH_STEPS = 10
LID_STEPS = 4


def smooth(low: float | Array, high: float, x: Array) -> Array:
    """0 below `low`, 1 above `high`, a smooth S-curve in between; also for low > high."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def bump(u: Array, v: Array, cu: float, cv: float, su: float, sv: float) -> Array:
    """A Gaussian hill of height 1."""
    return np.exp(-(((u - cu) / su) ** 2) - ((v - cv) / sv) ** 2)


def both(u: Array, v: Array, cu: float, cv: float, su: float, sv: float) -> Array:
    """The same hill on both sides of the face."""
    return bump(np.abs(u), v, cu, cv, su, sv)


def mix(base: Array, colour: Array, mask: Array) -> Array:
    """Blend `colour` (an RGB triple or an image) over `base` where `mask` is 1."""
    return base + (colour - base) * mask[..., None]


def grid(u_range: tuple[float, float], v_range: tuple[float, float]) -> tuple[Array, Array]:
    """Coordinate arrays at the oversampled resolution."""
    step = 1.0 / (UNIT * OVERSAMPLE)
    return np.meshgrid(np.arange(*u_range, step), np.arange(*v_range, step))


def light(height: Array, wrap: float = 0.25) -> tuple[Array, Array]:
    """Return diffuse light and a soft highlight for a height field."""
    step = 1.0 / (UNIT * OVERSAMPLE)
    dv, du = np.gradient(height, step)
    # Slopes are infinite at the rim of an ellipsoid; capping them keeps the rim visible.
    du, dv = np.clip(du, -2.2, 2.2), np.clip(dv, -2.2, 2.2)
    norm = np.sqrt(du * du + dv * dv + 1.0)
    normal = np.stack([-du / norm, -dv / norm, 1.0 / norm], axis=-1)
    key = np.clip((normal @ KEY_LIGHT + wrap) / (1 + wrap), 0, None)
    fill = np.clip((normal @ FILL_LIGHT + wrap) / (1 + wrap), 0, None)
    half = KEY_LIGHT + np.array([0.0, 0.0, 1.0])
    gloss = np.clip(normal @ (half / np.linalg.norm(half)), 0, None) ** 28
    return 0.30 + 0.62 * key + 0.22 * fill, gloss


def speckle(shape: tuple[int, int], cell: tuple[int, int], seed: int) -> Array:
    """Soft random texture around 0 whose grains are `cell` (width, height) pixels."""
    rng = np.random.default_rng(seed)
    small = rng.normal(0, 1, (max(2, shape[0] // cell[1]), max(2, shape[1] // cell[0])))
    picture = Image.fromarray(small.astype(np.float32))
    return np.asarray(picture.resize((shape[1], shape[0]), Image.Resampling.BICUBIC))


def head_height(u: Array, v: Array) -> Array:
    """Height of the bare head above the image plane."""
    skull = 0.95 * np.sqrt(np.clip(1 - u**2 - ((v + 0.30) / 1.12) ** 2, 0, None))
    jaw = 0.95 * np.sqrt(np.clip(1 - (u / 0.80) ** 2 - ((v - 0.36) / 1.02) ** 2, 0, None))
    height = np.log(np.exp(10 * skull) + np.exp(10 * jaw)) / 10
    ridge = smooth(-0.30, 0.34, v) * smooth(0.50, 0.40, v)
    height = height + 0.26 * ridge * np.exp(-((u / (0.095 + 0.06 * ridge)) ** 2))
    height = (
        height + 0.07 * bump(u, v, 0, 0.37, 0.13, 0.10) + 0.09 * both(u, v, 0.15, 0.41, 0.08, 0.08)
    )
    height = height + 0.06 * both(u, v, 0.40, -0.36, 0.28, 0.09)
    height = height - 0.13 * both(u, v, 0.37, -0.10, 0.21, 0.15)
    height = height + 0.07 * both(u, v, 0.50, 0.28, 0.22, 0.22)
    height = height - 0.025 * bump(u, v, 0, 0.56, 0.05, 0.08)
    height = height + 0.07 * bump(u, v, 0, 1.12, 0.22, 0.16)
    return height - 0.04 * bump(u, v, 0, 0.98, 0.25, 0.06)


def head_mask(u: Array, v: Array) -> Array:
    """1 inside the outline of the head, without hair and ears."""
    skull = 1 - u**2 - ((v + 0.30) / 1.12) ** 2
    jaw = 1 - (u / 0.80) ** 2 - ((v - 0.36) / 1.02) ** 2
    # A steep soft maximum joins the two ellipses without a corner at the cheek.
    field = np.log(np.exp(14 * np.clip(skull, -3, 1)) + np.exp(14 * np.clip(jaw, -3, 1))) / 14
    return smooth(0.0, 0.05, field)


def paint_eyes(rgb: Array, u: Array, v: Array, lids: float, gaze: float) -> Array:
    """Sclera, iris, lid shadow, lashes and brows; `lids` is 0 (open) to 1 (closed)."""
    for side in (-1.0, 1.0):
        x = (u * side - 0.37) / 0.195  # -1 at the inner corner, 1 at the outer one
        y = v + 0.10 + 0.015 * x
        arch = np.sqrt(np.clip(1 - x * x, 0, None)) * (1 - 0.12 * x)
        upper = -0.098 * arch * (1 - lids) + 0.045 * arch * lids
        lower = 0.060 * arch
        inside = smooth(-0.010, 0.012, y - upper) * smooth(0.010, -0.012, y - lower)
        inside = inside * smooth(1.02, 0.94, np.abs(x))
        rgb = mix(rgb, rgb * 0.72, 0.8 * bump(x, y, 0, -0.125 + 0.06 * lids, 0.95, 0.022))
        white = np.array([0.90, 0.87, 0.84]) * (1 - 0.30 * x[..., None] ** 2)
        eye = np.broadcast_to(white, rgb.shape)
        iris_x, iris_y = (u - side * 0.37 - 0.028 * gaze), v + 0.115
        radius = np.hypot(iris_x, iris_y)
        iris = np.array([0.30, 0.19, 0.11]) * (0.75 + 2.4 * radius[..., None])
        eye = mix(eye, iris, smooth(0.098, 0.084, radius))
        eye = mix(eye, np.array([0.03, 0.02, 0.02]), smooth(0.050, 0.040, radius))
        glint = smooth(0.026, 0.014, np.hypot(iris_x + 0.030, iris_y + 0.034))
        eye = mix(eye, np.array([1.0, 1.0, 1.0]), 0.9 * glint)
        eye = eye * (0.62 + 0.38 * smooth(0.0, 0.07, y - upper))[..., None]
        rgb = mix(rgb, eye, inside)
        reach = smooth(1.12, 0.92, np.abs(x))
        lash = np.exp(-(((y - upper) / 0.018) ** 2)) * reach
        rgb = mix(rgb, np.array([0.10, 0.06, 0.05]), 0.85 * lash)
        under = np.exp(-(((y - lower) / 0.014) ** 2)) * reach
        rgb = mix(rgb, rgb * 0.62, 0.6 * under)
        bx = (u * side - 0.40) / 0.27
        by = v + 0.385 - 0.055 * (bx * bx) + 0.02 * bx + 0.012 * lids
        brow = smooth(0.055 - 0.022 * bx, 0.018, np.abs(by)) * smooth(1.05, 0.85, np.abs(bx))
        rgb = mix(rgb, HAIR * 0.9, 0.82 * brow)
    return rgb


def paint_mouth(rgb: Array, u: Array, v: Array, opening: float) -> Array:
    """Lips, teeth and the dark inside; `opening` is 0 to 1."""
    half = 0.335 - 0.045 * opening
    x = u / half
    arch = np.sqrt(np.clip(1 - x * x, 0, None))
    line = 0.735 - 0.022 * x * x  # slightly raised corners: a friendly mouth
    gap_up, gap_down = 0.045 * opening * arch, 0.165 * opening * arch
    bow = 0.075 * arch * (1 - 0.28 * np.exp(-((x / 0.16) ** 2)))
    top, bottom = line - gap_up - bow, line + gap_down + 0.100 * arch
    lips = smooth(-0.008, 0.014, v - top) * smooth(0.010, -0.016, v - bottom)
    lips = lips * smooth(1.03, 0.93, np.abs(x))
    # Round the lips: bright in the middle of the lower one, dark towards its lower rim.
    roll = np.exp(-(((v - (bottom - 0.055 * arch)) / 0.035) ** 2)) * arch
    colour = LIP * (0.80 + 0.34 * roll)[..., None]
    shade = rgb.mean(axis=-1, keepdims=True) / SKIN.mean()
    rgb = mix(rgb, colour * np.clip(shade, 0.6, 1.15), 0.92 * lips)
    inner = smooth(-0.006, 0.010, v - (line - gap_up)) * smooth(
        0.006, -0.010, v - (line + gap_down)
    )
    inner = inner * smooth(1.0, 0.90, np.abs(x)) * min(1.0, opening * 6)
    hollow = np.broadcast_to(np.array([0.20, 0.06, 0.06]), rgb.shape)
    tongue = smooth(0.055, 0.12, v - line) * smooth(0.75, 0.30, np.abs(x))
    hollow = mix(hollow, np.array([0.55, 0.24, 0.24]), 0.8 * tongue)
    teeth = smooth(0.055, 0.040, v - (line - gap_up)) * smooth(0.80, 0.60, np.abs(x))
    hollow = mix(
        hollow, np.array([0.90, 0.87, 0.82]), teeth * smooth(0.15, 0.35, np.array(opening))
    )
    rgb = mix(rgb, hollow, inner)
    crease = np.exp(-(((v - line) / 0.013) ** 2)) * smooth(1.08, 0.90, np.abs(x))
    rgb = mix(rgb, np.array([0.30, 0.11, 0.10]), 0.75 * crease * (1 - min(1.0, opening * 5)))
    return mix(rgb, rgb * 0.80, 0.7 * bump(u, v, 0, 0.915 + 0.14 * opening, 0.22, 0.035))


@cache
def head_layer(mouth: int, lids: int, gaze: int) -> Image.Image:
    """The head with hair and ears as an RGBA image, upright and oversampled."""
    u, v = grid(_U_RANGE, _V_RANGE)
    opening = mouth / MOUTH_STEPS
    # The jaw follows the mouth: below the lips, the skin moves down slightly.
    jaw_v = v - 0.085 * opening * smooth(0.72, 1.05, v)
    diffuse, gloss = light(head_height(u, jaw_v))
    face = head_mask(u, jaw_v)

    tone = SKIN * (1 + 0.012 * speckle(u.shape, (7, 7), 5))[..., None]
    blush = 0.55 * both(u, v, 0.52, 0.33, 0.24, 0.20) + 0.45 * bump(u, v, 0, 0.38, 0.17, 0.12)
    tone = mix(tone, np.array([0.84, 0.50, 0.42]), 0.55 * blush)
    tone = mix(tone, np.array([0.62, 0.44, 0.37]), 0.30 * both(u, v, 0.37, -0.16, 0.24, 0.15))
    rgb = tone * diffuse[..., None] + 0.10 * gloss[..., None]
    rgb = mix(rgb, rgb * 0.40, 0.85 * both(u, v, 0.085, 0.475, 0.050, 0.026))
    rgb = mix(rgb, rgb * 0.80, 0.7 * bump(u, v, 0, 0.53, 0.15, 0.035))
    fold = np.exp(-(((np.abs(u) - 0.27 - 0.42 * (v - 0.42)) / 0.028) ** 2))
    rgb = mix(rgb, rgb * 0.86, 0.6 * fold * smooth(0.42, 0.50, v) * smooth(0.78, 0.62, v))
    rgb = paint_eyes(rgb, u, v, lids / LID_STEPS, float(gaze))
    rgb = paint_mouth(rgb, u, v, opening)

    # Ears lie behind the cheeks, hair in front of the forehead and behind the ears.
    eu, ev = (np.abs(u) - 0.99) / 0.14, (v - 0.06) / 0.27
    ear = smooth(1.0, 0.86, np.hypot(eu, ev))
    ear_light = (0.80 - 0.16 * np.sign(u)) * (1 - 0.35 * np.exp(-((np.hypot(eu, ev) / 0.55) ** 2)))
    out = np.zeros((*u.shape, 3)) + HAIR * 0.5
    out = mix(out, SKIN * ear_light[..., None], ear)
    out = mix(out, rgb, face)

    angle = np.arctan2(u + 0.35, -(v + 0.1))
    cap = 1 - (u / 1.13) ** 2 - ((v + 0.40) / 1.22) ** 2
    hairline = -0.80 + 0.17 * np.cos(3.0 * (u - 0.45)) * smooth(1.0, 0.2, np.abs(u)) + 0.10 * u
    front = smooth(0.03, -0.05, v - hairline)
    sides = smooth(0.86, 0.93, np.abs(u) + 0.10 * (v + 0.2)) * smooth(0.02, -0.14, v)
    behind = (1 - face) * smooth(0.02, -0.14, v)
    hair = np.maximum.reduce([front, sides, behind]) * smooth(0.0, 0.06, cap)
    shape_light, _ = light(0.75 * np.sqrt(np.clip(cap, 0, None)))
    strands = 0.5 + 0.5 * np.sin(46 * angle + 2.2 * speckle(u.shape, (40, 60), 9))
    sheen = np.exp(-(((v + 1.12 + 0.25 * u) / 0.20) ** 2))
    hair_rgb = (
        HAIR * (0.62 + 0.75 * shape_light + 0.22 * strands + 0.60 * sheen * strands)[..., None]
    )
    shadow = smooth(0.16, 0.0, v - hairline) * face * (1 - hair)
    out = mix(out, out * 0.78, 0.7 * shadow)
    out = mix(out, hair_rgb, hair)
    alpha = np.maximum.reduce([face, ear, hair])
    stack = np.dstack([np.clip(out, 0, 1), alpha]) * 255
    return Image.fromarray(stack.round().astype(np.uint8), "RGBA")


def body_layer() -> Image.Image:
    """Neck, shoulders and sweater as an RGBA image, drawn once."""
    u, v = grid((-3.4, 3.4), (0.4, 3.2))
    neck_w = 0.52 + 0.30 * smooth(1.35, 1.95, v)
    across = np.clip(u / neck_w, -1, 1)
    neck = smooth(0.03, -0.03, np.abs(u) - neck_w) * smooth(2.1, 2.0, v)
    diffuse, _ = light(0.55 * np.sqrt(1 - across**2) - 0.1 * v)
    chin_shadow = 1 - 0.42 * bump(u, v, 0.10, 1.22, 0.75, 0.34)
    rgb = SKIN * (0.92 * diffuse * chin_shadow)[..., None]
    top = 1.62 + 0.62 * (1 - np.exp(-((u / 1.25) ** 2))) + 1.5 * smooth(1.5, 3.1, np.abs(u)) ** 2
    collar = 1.60 + 0.22 * np.sqrt(np.clip(1 - (u / 0.80) ** 2, 0, None))
    edge = np.where(np.abs(u) < 0.80, np.maximum(top, collar), top)
    cloth = smooth(-0.02, 0.03, v - edge)
    folds = 0.05 * speckle(u.shape, (70, 130), 3)
    mound = 0.8 * np.exp(-(((v - edge - 0.9) / 1.2) ** 2)) - 0.08 * u * u + folds
    cloth_light, _ = light(mound)
    knit = 1 + 0.03 * np.sin(u * 90)
    cloth_rgb = SWEATER * (1.05 * cloth_light * knit)[..., None]
    band = np.exp(-(((v - edge - 0.05) / 0.035) ** 2)) * smooth(0.98, 0.88, np.abs(u))
    cloth_rgb = mix(cloth_rgb, cloth_rgb * 0.70, band)
    rgb = mix(rgb, cloth_rgb, cloth)
    stack = np.dstack([np.clip(rgb, 0, 1), np.maximum(neck, cloth)]) * 255
    picture = Image.fromarray(stack.round().astype(np.uint8), "RGBA")
    size = (picture.width // OVERSAMPLE, picture.height // OVERSAMPLE)
    return picture.resize(size, Image.Resampling.LANCZOS)


def backdrop(size: tuple[int, int]) -> Image.Image:
    """An out-of-focus room: wall, book shelf, window light and a plant."""
    width, height = size
    picture = Image.new("RGB", size, (196, 186, 172))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, 150, height), fill=(226, 222, 208))
    draw.rectangle((22, 20, 128, 210), fill=(240, 242, 236))
    rng = np.random.default_rng(21)
    shades = [(146, 84, 66), (84, 112, 122), (190, 154, 92), (110, 122, 92), (168, 120, 104)]
    for shelf in (22, 122, 222):
        draw.rectangle((455, shelf + 78, width, shelf + 90), fill=(126, 98, 74))
        x = 462
        while x < width:
            book = int(rng.integers(12, 24))
            top = shelf + int(rng.integers(4, 26))
            draw.rectangle((x, top, x + book, shelf + 78), fill=shades[int(rng.integers(0, 5))])
            x += book + 2
    for leaf in range(9):
        angle = math.radians(200 + leaf * 17)
        end = (80 + 95 * math.cos(angle), 300 + 110 * math.sin(angle))
        draw.line((80, 300, *end), fill=(92, 124, 88), width=16)
    draw.rectangle((52, 290, 108, height), fill=(176, 128, 100))
    return picture.filter(ImageFilter.GaussianBlur(11))


def draw_presenter(canvas: Image.Image, body: Image.Image, pose: Pose) -> Image.Image:
    """Compose one frame: backdrop, body (which sways less) and head."""
    frame = canvas.copy()
    cx, cy = HEAD_CENTRE
    body_x = cx - body.width // 2 + round(pose.dx * 0.3)
    frame.paste(body, (body_x, cy + round(0.4 * UNIT) + round(pose.dy * 0.3)), body)
    head = head_layer(pose.mouth, pose.lids, pose.gaze)
    # One affine transform rotates the head about the neck, moves it and scales it down.
    turn = math.radians(pose.roll)
    cos, sin = OVERSAMPLE * math.cos(turn), OVERSAMPLE * math.sin(turn)
    pivot_v = 1.2 * UNIT
    origin_x = -_U_RANGE[0] * UNIT * OVERSAMPLE
    origin_y = (-_V_RANGE[0] * UNIT + pivot_v) * OVERSAMPLE
    px, py = cx + pose.dx, cy + pivot_v + pose.dy
    affine = (
        cos,
        sin,
        origin_x - cos * px - sin * py,
        -sin,
        cos,
        origin_y + sin * px - cos * py,
    )
    layer = head.filter(ImageFilter.BoxBlur(0.5)).transform(
        frame.size, Image.Transform.AFFINE, affine, Image.Resampling.BICUBIC
    )
    frame.paste(layer, (0, 0), layer)
    return frame
