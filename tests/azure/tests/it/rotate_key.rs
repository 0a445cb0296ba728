//! rotate-key.sh.

use serde_json::json;

use crate::world::World;

fn names(world: &World) -> Vec<String> {
    world.keys().into_iter().map(|(name, _)| name).collect()
}

#[test]
fn the_old_key_is_removed_once_the_new_one_has_worked() {
    let world = World::enrolled();
    let old = world.key_of_the_enrollment();
    for (rotation, name) in [(1, "dps-2"), (2, "dps-3")] {
        let run = world.run("rotate-key.sh", &[]);
        run.succeeded();
        assert_eq!(names(&world), ["default", name], "rotation {rotation}");
        assert_eq!(world.key_of_the_enrollment(), world.keys()[1].1);
        assert_ne!(world.key_of_the_enrollment(), old);
        assert_eq!(
            run.stdout.lines().last(),
            Some(&*format!("DPS now uses the key {name}; older ones are removed."))
        );
    }
    assert_eq!(world.state()["registrations"]["contoso-dps/contoso-toaster-007"]["status"], "assigned");
    // Enrolling again uses the newest key.
    world.run("enroll.sh", &[]).succeeded();
    assert_eq!(world.key_of_the_enrollment(), world.keys()[1].1);
    assert_eq!(names(&world), ["default", "dps-3"]);
}

#[test]
fn the_old_key_stays_when_the_new_one_does_not_work() {
    let world = World::enrolled();
    world.change(|state| state["webhook_for_dps"] = json!({"contoso-toaster-007": "500"}));
    world
        .run("rotate-key.sh", &[])
        .failed(1, &["failed while trying one registration, of contoso-toaster-007", "Registration failed"]);
    assert_eq!(names(&world), ["default", "dps", "dps-2"], "the old key stays");
    world.change(|state| state["webhook_for_dps"] = json!({}));
    let run = world.run("rotate-key.sh", &[]);
    run.succeeded();
    assert!(run.stdout.contains("dps-2 exists from an unfinished rotation: continuing with it."), "{run:#?}");
    assert_eq!(names(&world), ["default", "dps-2"]);
}

#[test]
fn without_a_key_or_a_group_it_fails() {
    let world = World::with_dps();
    world.run("rotate-key.sh", &[]).failed(1, &["the function has no key dps", "enroll.sh first"]);
    let world = World::enrolled();
    world
        .run("rotate-key.sh", &["--enrollment-group", "another"])
        .failed(1, &["failed while giving the new key to the enrollment group", "Enrollment not found"]);
}

#[test]
fn nine_follows_eight_and_eleven_follows_ten() {
    let world = World::enrolled();
    world.change(|state| {
        for resource in state["resources"].as_array_mut().unwrap() {
            if resource["type"] == "Microsoft.Web/sites" {
                resource["properties"]["functionKeys"] =
                    json!({"default": "SECRETa", "dps-9": "SECRETb", "dps-10": "SECRETc", "dps-old": "SECRETd", "dpsx": "SECRETe",
                           "dps-08": "SECRETf", "dps-1": "SECRETg"});
            }
        }
    });
    world.run("rotate-key.sh", &[]).succeeded();
    assert_eq!(
        names(&world),
        ["default", "dps-08", "dps-1", "dps-10", "dps-old", "dpsx"],
        "keys are ordered by number, and other names are left alone"
    );
    assert_eq!(world.key_of_the_enrollment(), "SECRETc");
}
