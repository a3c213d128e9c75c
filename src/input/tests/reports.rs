//! A report as an input.

use super::*;

#[test]
fn a_report_says_what_is_finished() {
    let input = Input::read(&fixture("rerun.csv"), &InputOptions::default()).unwrap();
    let (pending, unanswered) = (Pending { unanswered: false }, Pending { unanswered: true });
    let standings: Vec<_> = input.rows.ids().map(|row| input.rows.standing(row)).collect();
    let expected =
        [Finished, pending, unanswered, pending, pending, Invalid, pending, Invalid, Finished, Duplicate];
    assert_eq!(standings, expected);
    assert!(input.layout.is_report());
    assert_eq!(input.layout.own_width(), 3);
    assert!(!read("vc_id,phone,status\na,20,Assigned\n").layout.is_report());
}

#[test]
fn a_report_is_known_without_its_columns_and_below_other_lines() {
    let six = "status,error_code,error_message,attempts,request_id,completed_at";
    for (header, is_report) in [
        (format!("#,a,b,{six}\n1,x,y,,,,,,\n"), true),
        (format!("sep=;\na;b;{}\n", six.replace(',', ";")), true),
        (format!("#TYPE X\na,b,{six}\n"), true),
        ("#,a,b\n1,x,y\n".into(), false),
        (six.into(), true),
    ] {
        let source = Source::from_bytes("r.csv", header.clone().into_bytes());
        assert_eq!(Input::is_report(&source).unwrap(), is_report, "{header}");
    }
}
