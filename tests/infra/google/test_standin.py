def test_x(module):
    import time
    t=time.time(); module.validate(); print("validate", time.time()-t)
    t=time.time(); p=module.plan(project="my-project", location="EU", bucket_name="my-bucket", role_members={"runner":["serviceAccount:a@b"],"operator":["user:o@e.org"]}); print("plan", time.time()-t)
    import json; print(json.dumps(p["planned_values"], indent=1)[:3000])
    t=time.time(); print(module.test()); print("test", time.time()-t)
