"""The loop page: what served, what was seen, trained, judged and put into service, on one time axis.

  document.py   the loop's document as ``lightloop loop --json`` prints it
  feed.py       has that command tell it while a page is open
  events.py     marks of the time axis with their links (pure)
  timeline.py   the one picture of all of them as ECharts options (pure)
  lanes.py      its lanes: bars and marks (pure)
  charts.py     evidence, demand then and now, the training's curve as ECharts options (pure)
  rows.py       rows and facts of registry, drift and lineage (pure)
  times.py      local times, UTC beside them
  actions.py    what the buttons ask of Prefect, behind routes that ask for a role
  panels.py     the picture, what happened, banner
  registry.py   versions, budget, the curve of the last training, the buttons
  drift.py      demand then and now, the test's path, the forecast in service
  lineage.py    the chain behind a decision
  page.py       the page

Not here: reading what is stored; that is the training side's, and a program of its own.
"""
