"""What is an article at no outlet: lists, media, accounts, files. Holds for every outlet unless its file says
`general = false`. Only shapes that no outlet gives to a text; the rest is for an outlet's own patterns.
"""

from __future__ import annotations

import re

# a marker and at most one more segment: /tag/x is a list, but /autoren/name/the-story is a story
_LISTS = """
    tags? topics? themes? themen? thema temas? temat tematy tematik temi sujets? aihe aiheet emner? [aä]mnen? konu konular
    onderwerp(?:en)? keywords? stichworte? schlagworte? stikkord etiquetas? etiketler etiket labels? mots?-cles? trefwoord(?:en)?
    avainsanat? asiasanat? stitky stitek cimkek? hub rubriken? rubrika rubriques? rubro rubrikk kategorien? kategoria
    kategori(?:er)? categor(?:y|ies|ias?|ie|iae) cat authors? autor(?:en|in|innen|es|as?|i|e)? auteurs? autrices? forfattere?
    skribent(?:er)? yazarlar yazar kirjoittajat? tekijat? bylines? contributors? writers? reporters? journalist(?:s|en)? staff
    profiles? profil people-profile redaktion redakteure? newsletters? collections? sections? secciones
    seccion sezioni sezione search suchen? suchergebnis(?:se)? buscar buscador busqueda rechercher ricerca zoeken haku
    s[oø]k szukaj arama hledat hledani kereses pesquisa
"""

# whatever follows
_MEDIA = """
    videos? audios? mediathek mediateca mediateka podcasts? gall?er(?:y|ies|ie|ien|ia|ias|i|iler) fotogall?er[a-z]* photo-?gall?er[a-z]*
    foto-?gall?er(?:y|i|ie|ia) video-?gall?er(?:y|i|ie|ia) bildergaleri[a-z]* bilderstrecken? fotostrecken? photos? photoessays? fotos? slideshows?
    diaporamas? diashow webtv livestream live-tv web-stories webstories
"""
_ACCOUNTS = """
    log-?in log-?out sign-?in sign-?out sign-?up signon register registration registrieren registrierung anmelden anmeldung
    einloggen connexion inscription accedi accesso iniciar-sesion registro logg-inn logga-in kirjaudu giris uye-girisi
    subscribe unsubscribe subscriptions? abos? abonnements? abonnieren abonner abonnez-vous suscripcion(?:es)? suscribete
    suscribirse abbonati abbonamenti prenumerera abonnere tilaa accounts? my-?account mein-?konto konto mypage mi-cuenta
    mon-compte users? members? checkout cart warenkorb oauth2? auth sso password
    wp-admin wp-content wp-json wp-includes wp-login\\.php xmlrpc\\.php cdn-cgi cgi-bin _next
"""
# legal and self-description: only at the start of the path, or behind a language as /en/
_HOUSE = """
    privacy[a-z-]* datenschutz[a-z-]* cookies? cookie-(?:policy|notice|settings|einstellungen|statement)[a-z-]*
    terms terms-(?:and|of|use)[a-z-]* nutzungsbedingungen agb impressum imprint
    legal-(?:notice|information|terms)[a-z-]* aviso-legal mentions-legales
    politica-(?:de-)?(?:privacidad|cookies)[a-z-]* condiciones-[a-z-]* note-legali contacts? contact-us[a-z-]*
    contact-[a-z]+ how-to-contact[a-z-]* kontakt contatti contacto contactez-nous about about-(?:us|the)[a-z-]*
    ueber-uns uber-uns quienes-somos qui-sommes-nous chi-siamo om-oss advertise advertising advertise-with-us
    mediadaten publicidad pubblicita faq faqs help hilfe aide ayuda support do-not-sell[a-z-]*
    code-of-(?:conduct|ethics)[a-z-]* accessibility-statement sitemaps? site-map epaper e-paper feeds? rss
"""
# hosts beside the outlet's own: players, accounts, shops
_HOSTS = """
    videos? podcasts? login signin signup accounts? auth sso abos? subscribe subscriptions? shop store jobs stellenmarkt
    games spiele e-?paper newsletters? help support static cdn
"""


def _segments(words: str) -> str:
    return f"(?:{'|'.join(words.split())})"


_PATHS = re.compile(
    "|".join(
        (
            r"\.(?:jpe?g|png|gif|webp|avif|svg|ico|pdf|xml|xml\.gz|rss|rdf|atom|json|js|css|txt|csv|ics|zip|gz|docx?|xlsx?"
            r"|mp[34]|m4[av]|m3u8|mov|webm|ogg|wav|woff2?)/$",
            rf"/{_segments(_LISTS)}(?:/[^/]+)?/$",
            r"^/(?:category|tag)/",  # of WordPress, with all levels of a section behind it
            rf"/{_segments(_MEDIA)}/",
            rf"^/(?:[^/]+/){{0,2}}{_segments(_ACCOUNTS)}(?:\.\w+)?/",
            rf"^/(?:[a-z]{{2}}(?:-[a-z]{{2}})?/)?{_segments(_HOUSE)}(?:\.\w+)?/",
            r"/(?:page|seite|pagina|sida|side|strona|sivu|sayfa|pag)/\d+/$",
            r"/(?:feed|rss|atom|comments|kommentare|print|recherche|cerca)/$",
        )
    )
)
# an address inside the query: share, log-in and redirect links; or an action on the page
_QUERIES = re.compile(
    r"(?:^|&)(?:(?:next|redirect\w*|return\w*|continue|url|u|dest\w*|goto|back)=(?:https?(?::|%3a)|/|%2f)|(?:replytocom|share)=)"
)


_HOST = re.compile(rf"^{_segments(_HOSTS)}\.")


def no_host_of_articles(host: str) -> bool:
    """host as host_of() gives it; one that an outlet names among its domains is not to be asked about."""
    return bool(_HOST.search(host))


def never_an_article(path: str, query: str) -> bool:
    """path and query of a canonical address."""
    return bool(_PATHS.search(path.lower().rstrip("/") + "/") or _QUERIES.search(query.lower()))
