"""The page that plays two policies side by side in the twin, on the same requests.

race.py         the two networks, one request after another (``envs``, nothing else)
contestants.py  who can take part: the model in service, asked over HTTP, and the rules
page.py         the page at ``/compare``: both grids, both curves, the address that tells it all
"""
