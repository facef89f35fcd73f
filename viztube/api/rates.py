"""How often who may ask for what, unless RATE_LIMITS says otherwise."""

# By scope; "10/15m" is ten at once, and then one every ninety seconds.
RATES = {
    # By address (of IPv6 by network), also for who is signed in. An office, a school or a mobile
    # network has one address: so a hundred people in it may open a page every half a minute, with
    # six calls each, and all of them at once to begin with.
    "read": "1200/1m",
    # By person: far more than anybody clicks, little enough for who lets a program comment.
    "write": "120/1m",
    "upload": "60/1h",
    "report": "30/1h",
    "password": "10/15m",
    # By address: a class that signs up, and mistypes.
    "register": "60/1h",
    # By the account as typed and the address; by the address; and by the account alone those that
    # fail, from wherever: some 700 guesses a day.
    "login": "10/15m",
    "login-address": "100/15m",
    "login-account": "30/1h",
    # Exchanging and ending tokens: by address, and by session what its tabs exchange. Each client
    # does so every fifteen minutes.
    "session": "120/1m",
    "refresh": "20/1m",
}
