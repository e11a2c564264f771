"""The path computation element: which lightpath a request gets, decided by a model or a heuristic, logged.

Where do I go to ...
  see one computation from start to end        computation.py
  change what is asked of or answered by HTTP  app.py; the TAPI side of it: answers.py
  answer compRoute of ETSI TeraFlowSDN         route_answers.py; its documents: ../pathcomp.py
  follow the controller's state                databases.py; what it tells: controller_feed.py
  see what a model's answer must satisfy       decide.py
  see what one look at the network holds       look.py
  say why a decision came out as it did        why.py; what it is kept on: considered.py; in_the_way.py
  ask about many requests at once              batches.py; slots that they hold: holds.py
  bind a route to what a client asks of it     constraint.py
  ask a challenger, and drop it                challenger.py; what it would have chosen: shadow.py
  talk to the inference server                 inference.py; when it is left alone: breaker.py
  switch the model endpoint                    endpoint.py
  change who decides without a model           fallback.py
  add a column to the decision log             decision_record.py
  write the decision log                       decision_log.py
  read or recover its files                    decision_parts.py
  change what /metrics and /ready tell        monitored.py; the metrics: ../metrics.py
  start the process                            main.py

What it does and the schema of the decision log: docs/pce.md.
"""
