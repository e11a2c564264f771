"""Headers by which a controller and a path computation element tell each other where the state is.

A question says which version of the controller's state its answer must be computed on, and may bring the
changes that lead there. The answer says which version the databases show, and of which store, so that the
controller knows what to bring along the next time. Either may be left out: then the path computation element
asks for the changes itself.
"""

STATE_VERSION = "X-State-Version"  # of a question: at least this one; of an answer: the one shown
STATE_STORE = "X-State-Store"  # of an answer: the identity of the controller's database
STATE_CHANGES = "X-State-Changes"  # of a question: a page as ``GET /changes`` answers it, JSON in ASCII
