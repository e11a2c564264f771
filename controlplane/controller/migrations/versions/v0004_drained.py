"""A table of drained links and nodes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "drained",
        sa.Column("node_a", sa.String(200), primary_key=True),
        sa.Column("node_b", sa.String(200), primary_key=True),
    )
