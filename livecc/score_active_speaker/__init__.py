"""Stage B5: in how much of a clip is its speaker on the screen? One score a clip.

Light-ASD looks at the faces in windows of 6 s every 30 s, listens to the sound of the same time,
and says of every frame of every face whether it speaks.
"""
