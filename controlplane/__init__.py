"""Online: what a running network needs. Processes of their own that talk over HTTP.

  tapi/        TAPI 2.1.3 documents: builders and liberal parsers, pure code without sockets
  controller/  northbound TAPI over RESTCONF, the network's state, configuration, restoration
  elements/    network elements and the southbound interface to them
  pce/         path computation: candidates, model endpoint, fallback, decision log
  console/     web pages
  group_commit.py  writers that wait share one synced write; keyed_locks.py: a lock for each key
  metrics.py   every metric of every process, and what GET /metrics and GET /ready answer
  auth.py      access: HTTP Basic or a bearer token; trusted.py: addresses that need neither
  slowdown.py  how long an answer to a wrong password waits
  pathcomp.py  compRoute of ETSI TeraFlowSDN: its documents
  client.py    clients of the controller and of the PCE, for the command line and the console
  process_http.py our own processes asked, in each set-up; http_server.py: how all listen
  state_headers.py  headers by which controller and PCE tell each other where the state is
  lightpath.py the lightpath, and how it is spelled on the wires

Never imports flows, tasks or agents: the two sides meet in stored data and HTTP.
"""
