"""What is known of how long lightpaths still stand, and the two features that it gives.

Where to go:

* what is noted of each slot, how long it is expected to stand, and the features: ``times.py``
* what it does at each step of a request: ``part.py``

How long lives last, from lives seen: ``envs/holding.py``. It comes with the demand forecast.
"""
