//! The plot of `docs/spread.svg`: where 100,000 registration ids go. To make it anew:
//!
//! ```sh
//! cargo run --example spread > docs/spread.svg
//! ```

use std::fmt::Write as _;

use dps_custom_allocation::allocation::spread::spread;

const DEVICES: usize = 100_000;
const HUBS: [&str; 5] = ["contoso-a", "contoso-b", "contoso-c", "contoso-d", "contoso-e"];

/// One bar: a label, devices in dark and, behind them, in light, and what they say in numbers.
struct Bar {
    label: String,
    dark: usize,
    light: usize,
    numbers: String,
}

#[allow(clippy::print_stdout, reason = "this is what it is for")]
fn main() {
    print!("{}", svg());
}

/// The whole plot, the same at each call.
pub fn svg() -> String {
    let equal = place(&[1.0; 4]);
    let weighted = place(&[1.0, 2.0, 3.0, 4.0]);
    let five = place(&[1.0; 5]);
    let panels = [
        ("Four hubs of equal weight".to_owned(), shares(&equal, &[1, 1, 1, 1])),
        ("Four hubs with weights 1, 2, 3 and 4".to_owned(), shares(&weighted, &[1, 2, 3, 4])),
        moves(&equal, &five),
    ];
    let mut svg = String::new();
    let mut y = 56;
    for (title, bars) in panels {
        _ = writeln!(svg, r#"<text x="20" y="{y}" font-weight="bold">{title}</text>"#);
        for Bar { label, dark, light, numbers } in bars {
            y += 24;
            let [dark, both] = [dark, dark + light].map(|devices| devices / 100);
            _ = writeln!(svg, r#"<text x="20" y="{y}">{label}</text>"#);
            let top = y - 12;
            for (width, colour) in [(both, "#a9c7e8"), (dark, "#0f6cbd")] {
                _ = writeln!(svg, r#"<rect x="110" y="{top}" width="{width}" height="16" fill="{colour}"/>"#);
            }
            _ = writeln!(svg, r#"<text x="{}" y="{y}">{numbers}</text>"#, 118 + both);
        }
        y += 44;
    }
    let height = y - 20;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"820\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"820\" height=\"{height}\" fill=\"white\"/>\n<text x=\"20\" y=\"26\" \
         font-size=\"15\">Where spread() sends the registration ids device-0 to device-99999</text>\n{svg}</svg>\n"
    )
}

/// The hub of each device, of as many hubs as there are weights.
fn place(weights: &[f64]) -> Vec<Option<usize>> {
    let place = |n| spread(&HUBS[..weights.len()], |hub| weights[hub], &format!("device-{n}"));
    (0..DEVICES).map(place).collect()
}

fn shares(hubs: &[Option<usize>], weights: &[usize]) -> Vec<Bar> {
    let all: usize = weights.iter().sum();
    let bar = |(at, weight): (usize, &usize)| {
        let dark = hubs.iter().filter(|hub| **hub == Some(at)).count();
        let numbers = format!("{dark} (by weight {})", DEVICES * weight / all);
        Bar { label: HUBS[at].to_owned(), dark, light: 0, numbers }
    };
    weights.iter().enumerate().map(bar).collect()
}

/// What a fifth hub changes, with a title.
fn moves(before: &[Option<usize>], after: &[Option<usize>]) -> (String, Vec<Bar>) {
    let count = |from: Option<usize>, to: Option<usize>| {
        before.iter().zip(after).filter(|pair| *pair == (&from, &to)).count()
    };
    let bar = |at| {
        let (dark, light) = (count(Some(at), Some(at)), count(Some(at), Some(4)));
        let numbers = format!("{dark} stay, {light} move to contoso-e");
        Bar { label: HUBS[at].to_owned(), dark, light, numbers }
    };
    let mut bars: Vec<Bar> = (0..4).map(bar).collect();
    let dark = after.iter().filter(|hub| **hub == Some(4)).count();
    bars.push(Bar { label: HUBS[4].to_owned(), dark, light: 0, numbers: format!("{dark} arrive") });
    let others =
        before.iter().zip(after).filter(|(before, after)| before != after && **after != Some(4)).count();
    (format!("A fifth hub, contoso-e, is added: {others} devices move between the others"), bars)
}
