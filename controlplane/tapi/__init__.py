"""TAPI 2.1.3 documents as pure code: dicts in, frozen dataclasses out, and back. No sockets, no state.

  errors.py           TapiError and the ``ietf-restconf:errors`` document
  ids.py              UUIDs of TAPI objects, derived from names
  names.py            ``name`` pairs to a dict and back
  naming.py           UUIDs of one topology back to its names
  fields.py           liberal reading: prefixes, uint64 as number or string, an object or a one-element list
  frequency.py        slots to spectrum in MHz, formats to the names that TAPI has
  service_schema.py   what a client may configure of a connectivity service
  purpose.py          for whom a path is computed
  dialects.py         how other controllers write a service, put into the model's members
  capacity.py         a capacity in GBPS, MBPS or GHz to a bit rate and back
  service_body.py     a connectivity-service body to a ``ServiceRequest``
  path_body.py        path computation: input, output and path documents
  context.py          the context, its topology and its service interface points
  connectivity.py     connectivity services, connections and their end points
  notification.py     changes of the network as TAPI notifications
  subscription.py     who wants to be told of which
  yang_library.py     which modules are served; restconf_monitoring.py: which capabilities and streams

What of the standard is spoken is in docs/tapi.md.
"""
