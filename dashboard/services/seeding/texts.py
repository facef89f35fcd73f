"""Names and sentences put together from small lists of words."""

from random import Random


def _words(text: str) -> list[str]:
    return text.split()


_FIRST = _words(
    "Ada Ben Carla Dev Elif Femi Greta Hugo Ines Jonas Kaya Lena Milo Nora Omar Pia Quinn Rosa "
    "Sami Tara Uma Viktor Wanda Xenia Yusuf Zoe"
)
_LAST = _words(
    "Abbott Becker Costa Diaz Eriksen Fischer Garcia Haas Ivanov Jensen Kowalski Lang Moreau "
    "Novak Okafor Petrov Quist Rossi Silva Tanaka Ueda Varga Weber Young Zhang"
)
_ACTIONS = _words(
    "Baking Building Climbing Cooking Drawing Exploring Filming Fixing Growing Hiking Learning "
    "Mapping Painting Planting Playing Restoring Riding Sailing Sketching Testing Understanding "
    "Visiting Watching Weaving"
)
_KINDS = _words(
    "ancient big bright cheap cold curious electric forgotten giant hidden homemade little "
    "modern noisy old quiet rare simple slow strange tiny wild winter wooden"
)
_THINGS = _words(
    "bicycles boats bread bridges cameras castles caves clocks deserts drums engines forests "
    "gardens glaciers guitars harbours kites lamps libraries markets mills mountains noodles "
    "orchards owls pianos radios rivers robots satellites storms telescopes trains tunnels "
    "villages volcanoes whales windows"
)
_SYLLABLES = _words(
    "al an ar bel bor cas dar del el en far gal han il ka kor lan lin lo mar mi nar nor ol or "
    "pel ra ri sal sel ta tan tor ul va vel ver vin wes yl zan"
)
_OPINIONS = (
    "Great video, thank you!",
    "I did not expect that ending.",
    "Could you make one that is longer?",
    "The sound is a little quiet.",
    "This helped me a lot.",
    "Watched it twice already.",
    "Where was this filmed?",
    "First time I understand this.",
    "Please do a second part.",
    "My favourite channel by far.",
)


def full_name(random: Random) -> str:
    """Return a person's name."""
    return f"{random.choice(_FIRST)} {random.choice(_LAST)}"


def place(random: Random) -> str:
    """Return a place that does not exist: of many, so that searches find few of a kind."""
    return "".join(random.choices(_SYLLABLES, k=3)).capitalize()


def video_title(random: Random) -> str:
    """Return a title, like "Restoring old clocks in Velkanor"."""
    return (
        f"{random.choice(_ACTIONS)} {random.choice(_KINDS)} {random.choice(_THINGS)} "
        f"in {place(random)}"
    )


def description(random: Random) -> str:
    """Return what a video is about; every tenth has nothing to say."""
    if random.random() < 0.1:
        return ""
    return (
        f"A day with {random.choice(_KINDS)} {random.choice(_THINGS)} and what they have to do "
        f"with the {random.choice(_THINGS)} of {place(random)}."
    )


def comment(random: Random) -> str:
    """Return an opinion, with a remark for every other one."""
    opinion = random.choice(_OPINIONS)
    if random.random() < 0.5:
        return opinion
    return f"{opinion} It reminds me of the {random.choice(_THINGS)} of {place(random)}."


def tweet(random: Random) -> str:
    """Return news of a channel."""
    return (
        f"Next week: {random.choice(_KINDS)} {random.choice(_THINGS)}. "
        f"Greetings from {place(random)}!"
    )


def playlist_name(random: Random) -> str:
    """Return the name of a playlist."""
    return f"{random.choice(_KINDS).capitalize()} {random.choice(_THINGS)}"
