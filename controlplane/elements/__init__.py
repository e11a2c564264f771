"""Network elements: one per ROADM and its transponders, and the southbound interface to them.

  interface.py       Southbound, CrossConnect, Edit: what the controller asks of an element
  configuration.py   what an element accepts: ports, grid, no overlap
  store.py           running configurations in SQLite
  host.py            ElementHost: many elements in one process
  together.py        EditsTogether: edits that wait are made together, by one thread
  app.py             the host over HTTP
  http.py            HttpSouthbound: the same interface, from afar
  main.py            the process

A NETCONF southbound takes the place of ``http.py`` when it comes.
"""
