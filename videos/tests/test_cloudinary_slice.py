import httpx, pytest
from videos.models import Video
from videos.services.streams import StreamNotReady
pytestmark = pytest.mark.django_db

def test_slice(user_client, api, standin, run_jobs, clip, stored_files):
    up = user_client.post("videos", {"title": "x", "videoFile": clip})
    v = up.data["video"]; print(v)
    assert v["processingStatus"] == "PROCESSING"
    assert api.get(v["videoFileUrl"]).status == 200
    with pytest.raises(StreamNotReady): run_jobs()
    standin.finish_streams(notify=False)
    print(run_jobs())
    print(standin.stored(), stored_files())
    w = api.get(f"videos/{v['id']}").data; print(w)
    assert httpx.get(w["videoFileUrl"]).status_code == 200
    assert httpx.get(w["streamUrl"]).text.startswith("#EXTM3U")
    r = api.get(v["videoFileUrl"]); print(r.status, r.response["Location"])
    h = user_client.patch(f"videos/toggle/publish/{v['id']}").data; print(h)
    with pytest.raises(StreamNotReady): run_jobs()
    print(standin.finish_streams(notify=False)); run_jobs()
    assert httpx.get(w["videoFileUrl"]).status_code == 404
    assert httpx.get(w["streamUrl"]).status_code == 404
    assert httpx.get(h["videoFileUrl"]).status_code == 200
    print(user_client.get(f"videos/{v['id']}").data)
    user_client.delete(f"videos/{v['id']}"); print(run_jobs())
    assert standin.stored() == set() and stored_files() == set()
    print([ (r.method, r.action, r.kind) for r in standin.requests])
