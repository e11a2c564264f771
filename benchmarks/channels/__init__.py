"""Beside DRL-RMBSA (JLT 2025): requests over single channels of C+L+S, whose capacities stand in tables.

Its own tables, its own rules and a simulation of its setting, so that a policy of ours meets published
figures on their ground. Not here: the twin that lightloop serves from (``envs``), where a lightpath is one
block of slots.
"""
