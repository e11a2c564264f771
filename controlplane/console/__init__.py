"""The console: a page that shows the running network and requests services, and one that shows the loop.

  network.py    what the controller has told: topology, lightpaths, failed links; changes applied to it (pure)
  viewmodel.py  counts, table rows, spectrum rows and blocks made from it (pure)
  charts.py     map and spectrum grid as ECharts options (pure)
  palette.py    the colours of the light and the dark page
  feed.py       follows the controller and the PCE by ``controlplane.client``, the only two it talks to;
                reconnects, tells the open pages
  page.py       the page: panels put together, what a click does
  panels.py     the page's parts: header, counts, request form, tables
  loop/         the loop page
  main.py       the process

Not here: state of its own. What the page shows is rebuilt from the controller whenever either starts.
"""
