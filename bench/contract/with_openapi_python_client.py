"""A program that uses the client of openapi-python-client."""

import sys

sys.path.insert(0, "client_openapi_python_client")

from tastemaker_client import AuthenticatedClient
from tastemaker_client.api.campaigns import create_campaign
from tastemaker_client.api.searches import get_search, list_results_of_search, start_searches
from tastemaker_client.models import NewCampaign, NewSearch, Problem

url, key = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=key, timeout=60)
campaign = create_campaign.sync(client=client, body=NewCampaign(name="A generated client"))
asked = {"campaign_id": campaign.id, "platforms": ["tiktok"], "sandbox": True, "target": 30}
started = start_searches.sync(client=client, body=NewSearch(keywords=["makeup"], **asked))
search = started.searches[0]
while search.status in {"pending", "processing"}:
    search = get_search.sync(search.id, client=client, wait=30)
found, after = [], None
while True:
    page = list_results_of_search.sync(
        search.id, client=client, limit=7, **({"after": after} if after else {})
    )
    found += page.creators
    after = page.next_
    if after is None:
        break
assert len({creator.stable_id for creator in found}) == search.stored > 0
refused = start_searches.sync(client=client, body=NewSearch(keywords=[], **asked))
assert isinstance(refused, Problem), refused
assert refused.type_ == "urn:tastemaker:problem:invalid_input"
assert refused.fields[0].pointer == "#/keywords"
print(f"{len(found)} creators read; an empty list of keywords: {refused.fields[0].suggestion}")
