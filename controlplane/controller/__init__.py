"""The SDN controller: TAPI northbound, the network's state, configuration of elements, restoration.

  network.py      the plant as the controller needs it; what is lit, as bits
  capacity.py     what a block of slots carries, by the rule of the use case
  quality.py      GSNR of lightpaths, added up anew
  verify.py       a computed path checked against the plant and the state, independently of who computed it
  database.py     the connection to SQLite or Postgres
  claim.py        one controller at a time; the epoch that tells the one in charge from those before
  standby.py      a controller that waits for its turn
  tables.py       the SQL tables; migrate.py, migrations/: an older database brought to that form
  store.py        services and failed links in SQL: what is acknowledged is stored, with its change
  change_log.py   the changes in SQL, appended to and read in pages
  recent_changes.py  the newest ones in memory, told along with each path that is asked for
  change_documents.py  what a change says of a service
  compaction.py   old changes removed
  state.py        the stored state in memory, and its change feed
  snapshot.py     the state at one version, in pages
  pce_client.py   asking the path computation element
  reservations.py who has which slots before a lightpath is stored
  configure.py    elements brought to what is wanted; element_queue.py: one element's work, audit and health
  writer.py       the way into the store: changes that wait share a transaction, the memory follows
  setting_up.py   one set-up: ask, verify, reserve; disjoint.py: two lightpaths that have nothing in common
  installing.py   elements configured, lightpaths stored, the ones before released
  progress.py     where each set-up is, and what each of its steps took
  restoration.py  services without a lightpath, set up again
  changing.py     changes of a service that is there, make before break
  draining.py     links and nodes that take nothing new, and lose what they carry
  scheduled.py    services whose start is to come
  services.py     creation and deletion of services, cuts and repairs, recovery after a restart
  clients.py      what is conceded to clients that cannot send all that is needed
  restconf.py     RESTCONF: bodies, errors, the data tree
  datastore.py    what is read and written there
  rendered.py     the context as text, made anew where it changed; pieces.py: text inside documents
  optical_tfs.py  lightpaths as ETSI TeraFlowSDN's optical controller takes them; optical_tfs_documents.py
  stream.py       notifications as server-sent events
  subscriptions.py  who wants to be told of which; subscription_table.py: kept in SQL
  monitored.py    what /metrics and /ready tell
  app.py          the routes
  main.py         the process

Every change goes one way: slots are reserved, elements are configured, the store commits, the memory follows
in the order of the log, readers are told. Set-ups go it side by side; one service's life is in the hands of
one thread at a time. Locks, always taken in this order: a service's (`services.py`), a contended link's
(`setting_up.py`), then for a moment only the reservations', the writer's, the state's.
"""
