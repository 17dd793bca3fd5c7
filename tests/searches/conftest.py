import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.db.engine import Database
from tests.searches.scripted import Bench


@pytest.fixture
def bench(database: Database, user: CurrentUser) -> Bench:
    return Bench(database, user)
