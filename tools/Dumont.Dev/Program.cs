using System.Collections;
using System.Runtime.InteropServices;
using Dumont.Dev;

// The one place that reads the environment.
var variables = new Dictionary<string, string>();
foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
{
    variables[(string)variable.Key] = (string?)variable.Value ?? "";
}

using var stop = new CancellationTokenSource();
void OnSignal(PosixSignalContext signal)
{
    signal.Cancel = true;
    stop.Cancel();
}

using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
using var onHangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnSignal);

try
{
    var repository = Repository.Find();
    return args switch
    {
        ["up"] => await UpVerb.RunAsync(repository, UpSettings.Read(variables, repository), stop.Token),
        ["test", .. var filter] => await TestVerb.RunAsync(repository, string.Join(' ', filter), stop.Token),
        ["check"] => await CheckVerb.RunAsync(repository, stop.Token),
        ["bench", .. var names] => await BenchVerb.RunAsync(repository, names, BenchSettings.Read(variables.GetValueOrDefault), stop.Token),
        _ => throw new DevException("usage: ./dumont up | test [filter] | check | bench [name] | <any dumont command>"),
    };
}
catch (DevException e)
{
    await Console.Error.WriteLineAsync(e.Message);
    return 1;
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    return 130;
}
