"""The states of the United States, of which Meta wants two letters."""

from __future__ import annotations

from collections.abc import Mapping

_LISTED = """
    alabama al  alaska ak  arizona az  arkansas ar  california ca  colorado co  connecticut ct  delaware de
    districtofcolumbia dc  florida fl  georgia ga  hawaii hi  idaho id  illinois il  indiana in  iowa ia  kansas ks
    kentucky ky  louisiana la  maine me  maryland md  massachusetts ma  michigan mi  minnesota mn  mississippi ms
    missouri mo  montana mt  nebraska ne  nevada nv  newhampshire nh  newjersey nj  newmexico nm  newyork ny
    northcarolina nc  northdakota nd  ohio oh  oklahoma ok  oregon or  pennsylvania pa  rhodeisland ri
    southcarolina sc  southdakota sd  tennessee tn  texas tx  utah ut  vermont vt  virginia va  washington wa
    westvirginia wv  wisconsin wi  wyoming wy  puertorico pr
"""
_WORDS = _LISTED.split()
US_STATES: Mapping[str, str] = dict(zip(_WORDS[::2], _WORDS[1::2], strict=True))
"""From the name, in lower case and without blanks."""
