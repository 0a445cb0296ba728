//! Why a device was decided on as it was.

use super::*;

#[test]
fn an_explanation() {
    let rules = rules(EXAMPLE);
    let mut world = World::default();
    world.found.insert("device".to_owned(), json!({ "status": "active" }).as_object().cloned());
    let explain = |world: &World, body: &str| {
        world.with(body, |case| rules.explanation(case)).unwrap().unwrap().to_string()
    };
    assert_eq!(
        explain(&world, &request("contoso-toaster-007", |_| {})),
        r#"Rule "retired" does not hold
  device != null && device.status == "retired" = false
    device != null = true
      device = {"status":"active"}
    device.status == "retired" = false
      device.status = "active"
Rule "toasters" holds
  registrationId.contains("contoso-toaster") = true
    registrationId = "contoso-toaster-007"
3 more rules were not reached
"#
    );
    world.found.insert("device".to_owned(), None);
    let pump = request("pump", |body| body["deviceRuntimeContext"]["payload"] = json!({ "division": 5 }));
    assert_eq!(
        explain(&world, &pump),
        r#"Rule "retired" does not hold
  device != null && device.status == "retired" = false
    device != null = false
      device = null
    device.status == "retired": not needed
Rule "toasters" does not hold
  registrationId.contains("contoso-toaster") = false
    registrationId = "pump"
Rule "heat pumps, by what they say of themselves" does not hold
  has(payload.division) && payload.division == "heatpumps" = false
    has(payload.division) = true
    payload.division == "heatpumps" = false
      payload.division = 5
Rule "maintenance" does not hold
  settings.MAINTENANCE == "on" = false
    settings.MAINTENANCE = ""
Rule "everybody else of Contoso, spread" does not hold
  certificate != null && certificate.subject.O == "Contoso" = false
    certificate != null = false
      certificate = null
    certificate.subject.O == "Contoso": not needed
"#
    );
    assert_eq!(world.with("{}", |case| rules.explanation(case)), Ok(None));
}

#[test]
fn an_explanation_shows_every_part_as_it_is_written() {
    let when = r#"(payload.a == 1 || ( payload.b )) && !(payload.list.exists(i, i > payload.a)) && spread(linkedHubs, {"a": 2}) != registrationId.split("-")[0]
      && (payload.a > 0 ? registrationId.matches("[(\"]x") : payload.c) || has(payload.d.e)"#;
    let rules = rules(&format!("rules:\n  - when: >-\n      {when}\n    refuse: x\n"));
    let body = request("contoso-1", |body| {
        body["deviceRuntimeContext"]["payload"] = json!({ "a": 2, "b": true, "list": [1, 2] });
    });
    let explanation = World::default().with(&body, |case| rules.explanation(case)).unwrap().unwrap();
    assert_eq!(
        explanation.to_string(),
        format!(
            r#"Rule 1 refuses: payload.d cannot be evaluated: payload has no member "d"
  {}: payload.d cannot be evaluated: payload has no member "d"
    {} = false
      payload.a == 1 || ( payload.b ) = true
        payload.a == 1 = false
          payload.a = 2
        payload.b = true
      !(payload.list.exists(i, i > payload.a)) = true
        payload.list.exists(i, i > payload.a) = false
          payload.list = [1,2]
      spread(linkedHubs, {{"a": 2}}) != registrationId.split("-")[0] = true
        spread(linkedHubs, {{"a": 2}}) = "{TOASTERS}"
          linkedHubs = ["{TOASTERS}","{HEATPUMPS}"]
        registrationId.split("-")[0] = "contoso"
      payload.a > 0 ? registrationId.matches("[(\"]x") : payload.c = false
        payload.a > 0 = true
          payload.a = 2
        registrationId.matches("[(\"]x") = false
          registrationId = "contoso-1"
        payload.c: not needed
    has(payload.d.e): payload.d cannot be evaluated: payload has no member "d"
"#,
            when.replace("\n     ", ""),
            when.replace("\n     ", "").split(" || has(").next().unwrap(),
        )
    );
}
