"""What elements show of programs, and what their readers set."""

import time

from tests.browser.elements import SHADOW, click, ended, served, until


def test_what_notebooks_show_is_shown_and_runs_nothing(chromium, site):
    program = """
    import weblayers as wl
    from weblayers import page

    class Markup:
        def _repr_html_(self):
            return (
                "<script>ran = 1</script><img src='data:,' onerror='ran = 2'><weblayers-run autorun></weblayers-run>"
                "<a href=' java\tscript:ran = 3'>link</a><svg onload='ran = 4'><a xlink:href='javascript:ran = 5'>"
                "<animate attributeName='href' values='javascript:ran = 6'/><text y='20'>words</text></a></svg>"
                "<iframe srcdoc='<script>parent.ran = 7</script>'></iframe>"
                "<details ontoggle='ran = 8' open>more</details>"
                "<form action='javascript:ran = 9'><button formaction='javascript:ran = 10'>send</button></form>"
                "<table><tr><td style='color: red'>cell</td></tr></table>"
            )

    class Drawing:
        def _repr_svg_(self):
            return '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>top.ran = 11</script></svg>'

    page.show(wl.plot_model(wl.sequential([wl.layers.dense(1, input_shape=[2])], name="small")), where="model")
    page.show(Markup(), where="markup")
    page.show(Drawing(), where="drawing")
    """
    with served(site(program)) as url:
        chromium.get(url)
        ended(chromium)
        panel = f"{SHADOW}.querySelector('[data-panel=%s]').shadowRoot"
        image = f"{panel % 'model'}.querySelector('img')"
        assert until(chromium, f"{image}?.naturalWidth && [{image}.alt, {image}.naturalWidth > 50]") == [
            "small: InputLayer, Dense",
            True,
        ]
        until(chromium, f"{panel % 'drawing'}.querySelector('img')?.naturalWidth === 9")
        chromium.execute_script(
            f"for (const each of {panel % 'markup'}.querySelectorAll('a'))"
            " each.dispatchEvent(new MouseEvent('click', { bubbles: true }));"
        )
        markup = chromium.execute_script(f"return {panel % 'markup'}.querySelector('figure > div').innerHTML")
        assert "cell" in markup and "color: red" in markup and "words" in markup and "link" in markup
        time.sleep(0.3)
        assert chromium.execute_script("return [window.ran ?? null, document.title]") == [None, "t"]
        for word in ("script", "onerror", "onload", "ontoggle", "weblayers-run", "iframe", "animate", "form"):
            assert word not in markup


def test_two_elements_share_the_address(chromium, site):
    program = "from weblayers import page\nprint(page.number('Units', 1).value)"
    folder = site(program, "linked")
    index, page = folder / "index.html", (folder / "index.html").read_text()
    both = '</weblayers-run><weblayers-run id="{}" src="program.py" linked></weblayers-run>'
    for name, key in (("second", "second: Units"), ("", "2: Units")):
        index.write_text(page.replace("</weblayers-run>", both.format(name)))
        with served(folder) as url:
            chromium.get(f"{url}/#Units=7&{key.replace(':', '%3A').replace(' ', '+')}=3")
            logs = chromium.execute_async_script(
                """
                const [done] = arguments;
                const elements = [...document.querySelectorAll('weblayers-run')];
                Promise.all(elements.map((each) => each.run())).then(() => {
                    const logs = elements.map((each) => each.shadowRoot.querySelector('.log').textContent);
                    elements.forEach((each, i) => {
                        const input = each.shadowRoot.querySelector('.field.number input');
                        input.value = String(10 + i);
                        input.dispatchEvent(new Event('change'));
                    });
                    done([...logs, ...new URLSearchParams(location.hash.slice(1))]);
                });
                """
            )
            assert logs == ["7\n", "3\n", ["Units", "10"], [key, "11"]]


def test_a_number_that_cannot_be_is_explained_beside_it(chromium, site):
    program = """
    from weblayers import page
    units = page.number("Units", 8, minimum=1, maximum=64, on_change=lambda value: print("units", value))
    rate = page.number("Rate", 0.5, minimum=0.0, on_change=lambda value: print("rate", value))
    odd = page.number("Odd", 3, maximum=9, minimum=0.5, on_change=lambda value: print("odd", value))
    free = page.number("Free", 3.0, on_change=lambda value: print("free", value))
    page.button("Reset", lambda: setattr(units, "value", 2))
    """
    enter = f"""
        const field = {SHADOW}.querySelectorAll('.field.number')[arguments[0]];
        const input = field.querySelector('input');
        input.value = arguments[1];
        input.dispatchEvent(new Event('change'));
        const hint = input.getRootNode().getElementById(input.getAttribute('aria-describedby'));
        return [hint.textContent, input.ariaInvalid, getComputedStyle(hint).display !== 'none'];
    """
    log = f"{SHADOW}.querySelector('.log').textContent"
    with served(site(program)) as url:
        chromium.get(url)
        ended(chromium)
        for number, text, said in (
            (0, "99", "Enter a whole number from 1 to 64"),
            (0, "6.5", "Enter a whole number from 1 to 64"),
            (0, "", "Enter a whole number from 1 to 64"),
            (1, "-1", "Enter a number of 0 or more"),
            (2, "10", "Enter a whole number from 0.5 to 9"),
        ):
            assert chromium.execute_script(enter, number, text) == [said, "true", True]
        input = chromium.execute_script(f"return {SHADOW}.querySelector('.field.number input')")
        assert input.accessible_name == "Units"
        click(chromium, "Reset")
        until(chromium, f"{SHADOW}.querySelector('.field.number small').textContent === ''")
        for number, text in enumerate(("7", "0.25", "4", "-5")):
            assert chromium.execute_script(enter, number, text) == ["", "false", False]
        until(chromium, f"{log} === 'units 7\\nrate 0.25\\nodd 4\\nfree -5\\n'")
