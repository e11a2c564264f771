"""The table that tells which controller is in charge."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make it."""
    op.create_table(
        "claim",
        sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("holder", sa.String(63), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("heard", sa.DateTime(timezone=True), nullable=False),
    )
