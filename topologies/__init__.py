"""The plant: what a network is before any traffic runs on it.

Where to go:
  model.py       Topology, Node, Fibre; indices of directed links; content hash
  paths.py       the path table: K candidate paths per node pair, by a stated rule
  kept_tables.py path tables on disk, read where they were found before
  cache_folders.py  where what can be made anew is kept
  detours.py     the same K paths on what is left of the network without some links and nodes
  grid.py        ITU-T G.694.1 flexible grid: slots, centre frequencies, widths
  catalogue.py   networks that ship with the project (catalogue/*.json)
  importers/     other people's formats, refused with a reason when broken
  drawing.py     pictures of a topology
Nothing here knows of time, requests or learning.
"""
