// Reads queries, separated by NUL, from standard input and prints the errors that the Kusto language service finds in
// them: syntax, unknown columns and functions, types. Exit code 1 if there are any.
'use strict';
const fs = require('fs');
const path = require('path');
const vm = require('vm');

const folder = path.dirname(require.resolve('@kusto/language-service-next/package.json'));
for (const file of ['bridge.js', 'Kusto.Language.Bridge.js']) {
  vm.runInThisContext(fs.readFileSync(path.join(folder, file), 'utf8'), file);
}
const { Kusto } = globalThis;
const { KustoCode, GlobalState, Symbols } = Kusto.Language;

// The columns of Application Insights that the queries use:
// https://learn.microsoft.com/azure/azure-monitor/app/data-model-complete
const tables = {
  traces: '(timestamp: datetime, message: string, severityLevel: int, operation_Id: string, customDimensions: dynamic)',
  requests:
    '(timestamp: datetime, name: string, resultCode: string, duration: real, success: string, operation_Id: string, customDimensions: dynamic)',
};
const symbols = Object.entries(tables).map(([name, columns]) => Symbols.TableSymbol.From(columns).WithName(name));
const globals = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.ctor('app', symbols));

let wrong = false;
for (const query of fs.readFileSync(0, 'utf8').split('\0')) {
  const diagnostics = KustoCode.ParseAndAnalyze(query, globals).GetDiagnostics();
  for (let index = 0; index < diagnostics.Count; index += 1) {
    const { Severity, Code, Message, Start } = diagnostics.getItem(index);
    // Hints on style are not errors.
    if (Severity !== 'Error' && Severity !== 'Warning') continue;
    console.log(`${Severity} ${Code}: ${Message} At: ${query.slice(Start, Start + 40)}`);
    wrong = true;
  }
}
process.exit(wrong ? 1 : 0);
