using System.Collections;
using System.Runtime.InteropServices;
using Dumont.Cli;

// The one place that reads the environment. The user's terminal and files are the program's own surroundings.
var variables = new Dictionary<string, string>();
foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
{
    variables[(string)variable.Key] = (string?)variable.Value ?? "";
}

using var interrupt = new CancellationTokenSource();
using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal =>
{
    signal.Cancel = true;
    interrupt.Cancel();
});

return await CliApplication.RunAsync(args, CliEnvironment.OfProcess(variables), interrupt.Token);
