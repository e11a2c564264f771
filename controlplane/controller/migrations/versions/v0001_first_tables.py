"""The first tables. A database from before there were steps has them or some: those stay as they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables that are not there."""
    count = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    tables = {
        "meta": (
            sa.Column("key", sa.String(40), primary_key=True),
            sa.Column("value", sa.Text, nullable=False),
        ),
        "services": (
            sa.Column("uuid", sa.String(36), primary_key=True),
            sa.Column("position", count, nullable=False),
            sa.Column("lifecycle", sa.String(20), nullable=False),
            sa.Column("request", sa.Text, nullable=False),
            sa.Column("path", sa.Text),
            sa.Column("setup_ms", sa.Float, nullable=False),
        ),
        "changes": (
            sa.Column("version", count, primary_key=True, autoincrement=False),
            sa.Column("kind", sa.String(20), nullable=False),
            sa.Column("cause", sa.String(20), nullable=False),
            sa.Column("happened", sa.DateTime(timezone=True), nullable=False),
            sa.Column("document", sa.Text, nullable=False),
        ),
        "failed_links": (
            sa.Column("node_a", sa.String(200), primary_key=True),
            sa.Column("node_b", sa.String(200), primary_key=True),
        ),
    }
    present = sa.inspect(op.get_bind()).get_table_names()
    for name, columns in tables.items():
        if name not in present:
            op.create_table(name, *columns)
