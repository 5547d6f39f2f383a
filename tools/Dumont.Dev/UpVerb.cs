namespace Dumont.Dev;

/// <summary><c>./dumont up</c>: everything on this computer, until Ctrl-C.</summary>
internal static class UpVerb
{
    public static async Task<int> RunAsync(Repository repository, UpSettings settings, CancellationToken cancellationToken)
    {
        await using var stack = await Stack.StartAsync(repository, settings, cancellationToken);
        var url = settings.ServerUrl.AbsoluteUri.TrimEnd('/');
        await Console.Out.WriteLineAsync($"Dumont is ready at {url}");
        await Console.Out.WriteLineAsync($"User {Stack.FirstUserEmail}  Password {stack.Password ?? "(the one you chose)"}");
        if (settings.UsesLocalCloud)
        {
            await Console.Out.WriteLineAsync($"Local cloud {settings.LocalCloudUrl.AbsoluteUri.TrimEnd('/')}  S3 {settings.S3Url.AbsoluteUri.TrimEnd('/')}  Keys {Path.Combine(settings.Data, "localcloud", "account.json")}");
        }

        var variable = settings.Port == 8767 ? "" : $"export DUMONT_BASE_URL={url}   ";
        await Console.Out.WriteLineAsync($"Next: {variable}./dumont auth login {Stack.FirstUserEmail}   ./dumont instance offers   Ctrl-C stops");
        await Console.Out.FlushAsync(cancellationToken);
        try
        {
            await stack.WatchAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await Console.Out.WriteLineAsync("Stopping");
        }

        return 0;
    }
}
