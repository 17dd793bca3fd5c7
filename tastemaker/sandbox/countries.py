"""Countries: ISO 3166-1 alpha-2 codes and the English names that sources write instead."""

_NAMES = """
AD Andorra|AE United Arab Emirates|AF Afghanistan|AL Albania|AM Armenia|AO Angola|AR Argentina|AT Austria
AU Australia|AZ Azerbaijan|BA Bosnia and Herzegovina|BD Bangladesh|BE Belgium|BG Bulgaria|BH Bahrain
BO Bolivia|BR Brazil|BY Belarus|CA Canada|CH Switzerland|CI Ivory Coast|CL Chile|CM Cameroon|CN China
CO Colombia|CR Costa Rica|CU Cuba|CY Cyprus|CZ Czech Republic|DE Germany|DK Denmark|DO Dominican Republic
DZ Algeria|EC Ecuador|EE Estonia|EG Egypt|ES Spain|ET Ethiopia|FI Finland|FR France|GB United Kingdom
GE Georgia|GH Ghana|GR Greece|GT Guatemala|HK Hong Kong|HN Honduras|HR Croatia|HU Hungary|ID Indonesia
IE Ireland|IL Israel|IN India|IQ Iraq|IR Iran|IS Iceland|IT Italy|JM Jamaica|JO Jordan|JP Japan|KE Kenya
KG Kyrgyzstan|KH Cambodia|KR South Korea|KW Kuwait|KZ Kazakhstan|LA Laos|LB Lebanon|LK Sri Lanka
LT Lithuania|LU Luxembourg|LV Latvia|LY Libya|MA Morocco|MD Moldova|ME Montenegro|MK North Macedonia
MM Myanmar|MN Mongolia|MO Macao|MT Malta|MX Mexico|MY Malaysia|NG Nigeria|NI Nicaragua|NL Netherlands
NO Norway|NP Nepal|NZ New Zealand|OM Oman|PA Panama|PE Peru|PH Philippines|PK Pakistan|PL Poland
PR Puerto Rico|PS Palestine|PT Portugal|PY Paraguay|QA Qatar|RO Romania|RS Serbia|RU Russia
SA Saudi Arabia|SE Sweden|SG Singapore|SI Slovenia|SK Slovakia|SN Senegal|SO Somalia|SV El Salvador
SY Syria|TH Thailand|TN Tunisia|TR Turkey|TW Taiwan|TZ Tanzania|UA Ukraine|UG Uganda|US United States
UY Uruguay|UZ Uzbekistan|VE Venezuela|VN Vietnam|YE Yemen|ZA South Africa|ZW Zimbabwe
"""
_OTHER_NAMES = {"usa": "US", "uk": "GB", "türkiye": "TR", "korea": "KR", "czechia": "CZ", "uae": "AE"}

_BY_CODE = {entry[:2]: entry[3:] for entry in _NAMES.strip().replace("\n", "|").split("|")}
_BY_NAME = {name.lower(): code for code, name in _BY_CODE.items()} | _OTHER_NAMES


def country_name(code: str | None) -> str | None:
    return _BY_CODE.get(code or "", code)


def country_code(text: str | None) -> str | None:
    """From a code or an English name; None where it is neither."""
    word = (text or "").strip()
    return word.upper() if word.upper() in _BY_CODE else _BY_NAME.get(word.lower())
