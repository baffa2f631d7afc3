"""chainrule and its peers, measured side by side: ``python -m benchmarks lecture``.

==================  ==============================================================
``works.py``        what is trained or predicted: sizes, data, initial weights, goals
``session.py``      what a peer offers the harness: reset, run, check
``peers/``          a file per peer
``worker.py``       the process a peer lives in
``harness.py``      rounds, medians, quartiles, ratios
``disturbance.py``  whether other processes were in the way
``processes.py``    whole commands instead of workers: wall time and peak memory
``threads.py``      the same trainings on one thread and on all
``table.py``        the result as text or JSON
==================  ==============================================================
"""
