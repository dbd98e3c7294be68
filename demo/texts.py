"""All spoken and caption texts of the demo.

In a narration, each line is one or two sentences that are spoken together. `|` splits it into
caption lines, and the word before the first `:` names its cue in the drawings. A line that starts
with spaces continues the previous one.
"""

from __future__ import annotations

PAPER_BOAT = """
title: Hello, and welcome to the paper workshop.
title: Today we are going to fold a small boat | from a single sheet of paper.
one: Place the sheet in front of you, | and turn it so that the short side is at the top.
one: Fold it in half by bringing | the top edge down to meet the bottom edge.
two: Now fold it once from left to right and open it again, | just to mark the centre line.
two: Take the two upper corners and fold them down | until they meet on that line.
three: Lift the front strip at the bottom and fold it up, | then turn the whole thing over.
three: Fold the second strip up in the same way, | and you are holding a pointed paper hat.
pause: This is a good moment to stop and press | all of your creases nice and flat.
four: Welcome back. Put both thumbs inside the hat | and gently pull it wide open.
four: Keep pulling until it lies flat as a diamond, | and tuck one loose corner under the other.
five: Fold the bottom point of the front layer | up until it touches the point at the top.
five: Flip the paper over and do | the same with the layer at the back.
six: Open the small triangle with your thumbs | and flatten it into a diamond once more.
seven: Finally, hold the two loose points at the top | and draw them slowly away from each other.
done: The sides unfold, a little sail appears in the middle, | and your boat is ready for the water.
"""

COFFEE = """
title: Making pour-over coffee at home is easier | than it looks in a busy cafe.
title: You need a dripper, a paper filter, | fresh beans, a kettle, and a kitchen scale.
one: First, bring the water to a boil, | and then let it cool down for half a minute.
one: Meanwhile, weigh fifteen grams of coffee | and grind it until it feels like coarse sand.
two: Set the filter in the dripper | and rinse it with plenty of hot water.
two: This washes away the taste of paper, | and it warms the cup at the same time.
three: Empty the cup, add the ground coffee, | and shake it gently so that the bed is level.
three: Pour in just enough water to wet all of the grounds, | and wait for thirty seconds.
three: You will soon see some bubbles rising, | because fresh coffee releases trapped gas.
four: Now pour the rest of the water in slow circles, | starting in the middle and moving outward.
four: Stop when the scale shows two hundred | and fifty grams of water.
five: All of the coffee should finish dripping | after about three minutes in total.
five: If it tastes sour, grind a little finer next time.
    | If it tastes bitter, grind a little coarser.
"""

# The cues of this narration are those of `SORT_SCRIPT` in motion.py.
BUBBLE_SORT = """
intro: Here are six bars of different heights, | standing in no particular order.
intro: Bubble sort puts them in order by looking | at only two neighbours at a time.
p1a: We begin on the left with five and three.
p1b: Five is taller than three, so the two bars trade places.
p1c: Next come five and eight. They are already | in order, so nothing has to move.
p1d: Eight is taller than two, so these two change places as well.
p1e: After that, eight passes six, and finally it passes four.
p1f: The tallest bar has bubbled up to the far right, | and that is why it turns green.
p2a: The second pass starts again from the left, | and three and five stay where they are.
p2b: Two slips in front of five, and a moment later | four slips in front of six.
p2c: Now six is in its final position, so it turns green too.
p3a: In the third pass, two moves ahead of three, | and four moves ahead of five.
p4a: On the fourth pass we compare | the remaining pairs and find nothing to swap.
done: When a whole pass goes by without a swap, | the list is sorted, and we can stop.
done: Bubble sort is easy to understand, but it is slow.
    | Twice as many bars need about four times the work.
"""

SOLAR_SYSTEM = """
all: This is our solar system, seen from a little | above the plane of the planets.
all: The distances are squeezed to fit the screen, | but the speeds are in the right proportion.
mercury: The small grey dot racing around the sun is Mercury,
    | which needs only eighty-eight days for one lap.
venus: Next comes Venus, wrapped in thick clouds | and hotter than any other planet.
earth: The blue one is Earth. Each time it completes | a circle, one year has gone by.
mars: Red Mars follows on the outside, | and its year is almost twice as long as ours.
jupiter: Beyond a belt of asteroids we find Jupiter, | the largest planet of them all.
jupiter: It takes nearly twelve years to go around once.
saturn: Saturn is easy to recognise | by its wide, bright rings of ice.
outer: Farther out, Uranus and Neptune creep along so slowly | that you can hardly see them move.
all: The rule is simple. The farther a planet | is from the sun, the slower it travels.
"""

PRESENTER = """
talk: Hi there, and thank you for stopping by.
talk: Today I want to tell you how I learned | to play the piano at the age of thirty-five.
talk: For years I told myself that I was too old, | and that my fingers were far too slow.
talk: Then a neighbour gave away an old keyboard, | and I decided to give it ten minutes a day.
talk: In the first week I could barely find the right keys, | and my left hand refused to cooperate.
talk: But ten minutes is such a short time | that I never had a good excuse to skip it.
talk: After three months I played my first real song, slowly,
    | with plenty of wrong notes and a huge smile.
talk: My advice is simple. Make the habit so small | that it feels almost silly.
talk: And if you make a mistake, keep going, | because nobody remembers it as long as you do.
talk: Thanks for listening. Tell me in the comments | what you would like to learn next.
"""

# The records below are to be dropped; their videos are a still image without speech.
FRENCH_BOAT = [
    "Bonjour et bienvenue dans notre atelier de papier.",
    "Aujourd'hui nous allons plier un petit bateau.",
    "Il vous faut seulement une feuille rectangulaire.",
    "Posez la feuille devant vous, le petit côté en haut.",
    "Pliez-la en deux en ramenant le bord supérieur vers le bas.",
    "Pliez ensuite de gauche à droite pour marquer le milieu.",
    "Prenez les deux coins du haut et rabattez-les vers cette ligne.",
    "Relevez la bande du bas, puis retournez le pliage.",
    "Faites la même chose de l'autre côté pour obtenir un chapeau.",
    "Glissez les pouces à l'intérieur et ouvrez le chapeau.",
    "Aplatissez-le pour former un losange bien régulier.",
    "Remontez la pointe du bas jusqu'à la pointe du haut.",
    "Retournez la feuille et recommencez de l'autre côté.",
    "Ouvrez encore une fois le triangle avec vos pouces.",
    "Tirez doucement sur les deux pointes libres du haut.",
    "Votre bateau est prêt, posez-le doucement sur l'eau.",
]

SPEED_TALK = """
Every drop of rain that falls on your roof has been on a very long journey and the story begins
far out on the open sea where the sun warms the surface and water slowly turns into an invisible
gas that we call vapour and this vapour is lighter than the dry air around it so it rises and as
it rises the air gets colder and colder until the vapour cannot stay a gas any longer and it
gathers around tiny grains of dust and salt and forms droplets so small that a million of them
hardly make one drop of rain and that is what a cloud is made of and now the wind takes over and
pushes the cloud across the coast and over the hills where the air has to climb again and cool
down even more and the droplets bump into each other and grow until they are too heavy to float
and then they fall as rain or as snow if the air below is cold enough and some of that water runs
off the fields into little streams and the streams join rivers and the rivers carry it back to the
sea while another part sinks into the ground and moves between grains of sand for years before it
comes out again in a spring or in your well and a good deal of it is taken up by the roots of
trees and goes back into the air through their leaves and all of this happens at the same time
everywhere on the planet and the amount of water stays almost the same so the
glass you drink today may hold water that once fell on a dinosaur or lay frozen in a glacier for
ten thousand years before it reached you
"""

SLOW_GARDEN = [
    "The garden wakes.",
    "Dew on leaves.",
    "A bee arrives.",
    "It visits thyme.",
    "Now the roses.",
    "Clouds drift past.",
    "Wind moves grass.",
    "A sparrow sings.",
    "Shadows grow long.",
    "Evening comes softly.",
]

SHORT_NOTE = [
    "A quick note about tomorrow's workshop in the library.",
    "We start at nine instead of ten in the morning.",
    "Please bring your own scissors and a glue stick.",
    "Paper and cardboard will be waiting on the tables.",
    "There is tea and coffee for everyone at eleven.",
    "See you tomorrow, and do not forget the scissors.",
]

MISSING_PLANT = [
    "Let us move this basil plant into a bigger pot.",
    "Choose a pot that is a little wider than the old one.",
    "Check that there is a hole in the bottom for the water.",
    "Cover the hole with a piece of broken clay.",
    "Fill the pot one third full with fresh potting soil.",
    "Now turn the plant upside down and hold the stems loosely.",
    "Tap the bottom of the old pot until it slides off.",
    "Loosen the roots with your fingers if they go in circles.",
    "Put the plant in the middle of the new pot.",
    "Fill the space around it with soil and press gently.",
    "Leave a finger's width free below the rim.",
    "Water it slowly until some drops come out at the bottom.",
    "Keep the plant out of direct sun for two days.",
    "After a week you can start picking the first leaves.",
]
