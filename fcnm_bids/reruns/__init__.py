"""Find outputs that are complete already.

A participant, or the group: `fcnm_bids.reruns.manifest` (are all expected files there, made with
the same key). A stored run: `fcnm_bids.reruns.participant_records`. Contrasts and degree maps of
an earlier group: `fcnm_bids.reruns.result_cache`. What the keys cover: `fcnm_bids.reruns.keys`.
"""
