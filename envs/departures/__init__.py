"""Departure times, where they are known: services that are booked for a time.

Where to go:

* when the slots become free, and the two features that it gives: ``times.py``
* what it does at each step of a request: ``part.py``
"""
