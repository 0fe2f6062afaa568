// Lints BPMN files with the rules of Camunda Modeler; one JSON object a line for each report. Bundled by the test.
import { readFileSync } from 'node:fs';
import { Linter } from '@camunda/linting';
import { BpmnModdle } from 'bpmn-moddle';
import zeebe from 'zeebe-bpmn-moddle/resources/zeebe.json' with { type: 'json' };
import modeler from 'modeler-moddle/resources/modeler.json' with { type: 'json' };

for (const file of process.argv.slice(2)) {
  const { rootElement, warnings } = await new BpmnModdle({ zeebe, modeler }).fromXML(readFileSync(file, 'utf8'));
  const reports = await new Linter({ type: 'cloud' }).lint(rootElement);
  for (const { message } of warnings) console.log(JSON.stringify({ file, rule: 'import', message }));
  for (const { id, rule, message } of reports) console.log(JSON.stringify({ file, id, rule, message }));
}
