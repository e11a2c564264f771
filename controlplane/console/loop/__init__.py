"""The loop page: what served, what was seen, trained, judged and put into service, on one time axis.

  document.py   the loop's document as ``lightloop loop --json`` prints it
  feed.py       has that command tell it while a page is open
  events.py     marks of the time axis with their links (pure)
  timeline.py   the one picture of all of them as ECharts options (pure)
  panels.py     the page's parts
  page.py       the page

Not here: reading what is stored; that is the training side's, and a program of its own.
"""
