"""The loop as one document: what served, what was trained, what was seen, in times of one axis.

  registered.py  versions with what their gate measured, what they learned from, how they were made
  looks.py       looks of the drift monitor, and demand then and now
  trainings.py   trainings with their verdicts, and the live curve of the last one
  live.py        live blocking over time, from the decision log
  document.py    all of it together; whatever cannot be asked is named, and the rest is told

Read only. Not here: drawing it (``controlplane/console``), the command (``lightloop/commands/loop.py``).
"""
