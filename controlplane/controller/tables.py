"""The SQL tables of the controller, for SQLite and Postgres. Not here: their use (``store.py``)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Float, Integer, MetaData, String, Table, Text

metadata = MetaData()

# Counts for years. A key that SQLite calls INTEGER, of 64 bits too, needs no index of its own.
_COUNT = BigInteger().with_variant(Integer, "sqlite")

# What this database is: identity of the store, and of the plant it describes.
meta = Table(
    "meta", metadata, Column("key", String(40), primary_key=True), Column("value", Text, nullable=False)
)

services = Table(
    "services",
    metadata,
    Column("uuid", String(36), primary_key=True),
    Column("position", _COUNT, nullable=False),  # order of creation
    Column("lifecycle", String(20), nullable=False),  # SCHEDULED or INSTALLED; PLANNED by older versions
    Column("request", Text, nullable=False),  # JSON of ServiceRequest and of when it was first set up
    Column("path", Text),  # JSON of Lightpath and of which change set it up; null while there is none
    Column("setup_ms", Float, nullable=False),
)

# Versions are 1, 2, 3, ...; the oldest are removed in time, what is kept is without a gap.
changes = Table(
    "changes",
    metadata,
    Column("version", _COUNT, primary_key=True, autoincrement=False),
    Column("kind", String(20), nullable=False),
    Column("cause", String(20), nullable=False),
    Column("happened", DateTime(timezone=True), nullable=False),
    Column("document", Text, nullable=False),  # JSON of what changed
)

failed_links = Table(
    "failed_links",
    metadata,
    Column("node_a", String(200), primary_key=True),
    Column("node_b", String(200), primary_key=True),
)

# What takes nothing new; node_b is empty where it is a node.
drained = Table(
    "drained",
    metadata,
    Column("node_a", String(200), primary_key=True),
    Column("node_b", String(200), primary_key=True),
)

# One row: the controller in charge. A later one has a higher epoch.
claim = Table(
    "claim",
    metadata,
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("holder", String(63), nullable=False),  # as Postgres calls its sessions
    Column("url", Text, nullable=False),  # of its northbound
    Column("heard", DateTime(timezone=True), nullable=False),  # its last sign of life
)

# Who wants to be told of what.
subscriptions = Table(
    "subscriptions",
    metadata,
    Column("uuid", String(36), primary_key=True),
    Column("state", String(20), nullable=False),  # ACTIVE or SUSPENDED
    Column("wanted", Text, nullable=False),  # JSON of the filter
)
