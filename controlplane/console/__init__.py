"""The console: a page of the running network, one of the loop, and one of two policies side by side.

  network.py    what the controller has told: topology, lightpaths, failed links; changes applied to it (pure)
  viewmodel.py  counts, table rows and spectrum rows made from it (pure)
  charts.py     map and decision times as ECharts options (pure)
  spectrum.py   the spectrum grid's axes and blocks (pure); blocks.py, blocks.js: its part of the page
  palette.py    the colours of the light and the dark page
  feed.py       follows the controller and the PCE by ``controlplane.client``, the only two it talks to;
                reconnects, tells the open pages
  page.py       the page: panels put together, what a click does
  set_ups.py    set-ups as the controller tells them; steps.py: their six steps (pure); step_panel.py
  why.py        why a path was chosen, in words (pure); why_panel.py
  alarms.py     what is amiss and who took note, kept in a file; alarm_panel.py
  load.py       offered traffic, by a program of its own; load_panel.py
  place_panel.py one link or node: cut, repair, drain, what came of it
  patches.py    what has changed between two states of a chart or a table (pure)
  times.py      times as the person before the page reads them (pure); browser.py: what only the browser knows
  panels.py     the page's parts: header, counts, request form, tables
  loop/         the loop page; told_of_loop.py: what /metrics tells of the loop, from the home's files
  compare/      the page that plays two policies side by side in the twin
  main.py       the process

Not here: state of the network. What the page shows is rebuilt from the controller whenever either starts;
only the alarms are kept.
"""
