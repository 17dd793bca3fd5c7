"""`tastemaker searches resume`: go on with one search, as `tastemaker search` would."""

from tastemaker.campaigns.service import get_campaign
from tastemaker.cli import states
from tastemaker.cli.corpora import prepared_corpus
from tastemaker.cli.search_steps import Begun, finish
from tastemaker.cli.session import Session, in_session
from tastemaker.cli.sources import refuse_without_key
from tastemaker.core.errors import Conflict, ExitCode
from tastemaker.db.engine import session_scope
from tastemaker.searches.service import get_search, resume_search
from tastemaker.searches.types import LIVE, SANDBOX


def resume(reference: str, *, as_json: bool) -> ExitCode:
    """Raises NotFound, Conflict when it has ended, InvalidInput when its provider's key is gone."""
    return in_session(lambda session: _resume(session, reference, as_json=as_json))


async def _resume(session: Session, reference: str, *, as_json: bool) -> ExitCode:
    async with session_scope(session.database, session.user.claim) as reading:
        search = await get_search(reading, session.user, reference)
    is_sandbox = search.source == SANDBOX
    if not is_sandbox:
        refuse_without_key(session.settings, search.platform)
    corpus = prepared_corpus(session.settings) if is_sandbox else None
    async with session_scope(session.database, session.user.claim) as writing:
        search = await resume_search(writing, session.user, search)
        if search.campaign_id is None:
            raise Conflict(f"Search {states.short_id(search)} belongs to no campaign.")
        campaign = await get_campaign(writing, session.user, str(search.campaign_id))
    begun = Begun(
        campaign=campaign,
        searches=[search],
        continued=[search],
        source=search.source or LIVE,
        corpus=corpus,
        output=None,
        as_json=as_json,
    )
    return await finish(session, begun)
