"""Steps from one form of the controller's tables to the next, for alembic.

  env.py      how alembic gets its connection
  versions/   the steps, oldest first; a step that was released is never edited

A change of ``tables.py`` comes with a step here; a test compares what the steps make with what is declared
there.
Not here: when they are taken (``migrate.py``).
"""
