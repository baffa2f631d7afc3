"""How Sphinx builds the documentation: `scripts/docs`."""

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml

import chainrule

project = "chainrule"
author = "the chainrule developers"
project_copyright = author
release = version = chainrule.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
language = "en"

# The cells of a page run each time the page is built, in a folder of their own.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_execution_timeout = 120
nb_merge_streams = True
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
myst_links_external_new_tab = False

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"chainrule {version}"
html_static_path = ["static"]
html_css_files = ["style.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False


def inline_math(translator, node):
    """A formula in a line, as MathML: every browser of today draws it, without a script."""
    translator.body.append(tex2mathml(node.astext()))
    raise SkipNode


def display_math(translator, node):
    """A formula of its own."""
    translator.body.append(f'<div class="math">{tex2mathml(node.astext(), as_block=True)}</div>')
    raise SkipNode


def setup(app):
    """Formulas as MathML, by docutils."""
    app.add_html_math_renderer("mathml", (inline_math, None), (display_math, None))
