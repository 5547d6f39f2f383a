using System.Globalization;
using System.Text.Json;
using Dumont.LocalCloud;
using Dumont.LocalCloud.Machines;

var configuration = new ConfigurationBuilder()
    .AddEnvironmentVariables()
    .AddCommandLine(args)
    .Build();

try
{
    var options = LocalCloudSettings.Read(configuration);
    await using var cloud = await LocalCloudApp.StartAsync(options, TimeProvider.System, CancellationToken.None);
    await Console.Out.WriteLineAsync($"local cloud ready on {cloud.BaseAddress.ToString().TrimEnd('/')}");
    await cloud.WaitForShutdownAsync(CancellationToken.None);
    return 0;
}
catch (Exception e) when (e is InvalidSettingException or MachineException or IOException or UnauthorizedAccessException or JsonException)
{
    await Console.Error.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"dumont-localcloud: {e.Message}"));
    return 1;
}
