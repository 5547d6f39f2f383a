namespace Dumont.Dev;

/// <summary><c>./dumont check</c>: what a change must pass: format, build without warnings, tidy, tests.</summary>
internal static class CheckVerb
{
    public static async Task<int> RunAsync(Repository repository, CancellationToken cancellationToken)
    {
        await Console.Out.WriteLineAsync("format");
        var exitCode = await Command.RunAsync(
            repository.Root, "dotnet", ["format", "Dumont.slnx", "--verify-no-changes", "--verbosity", "quiet"], cancellationToken);
        if (exitCode != 0)
        {
            throw new DevException("The format differs from .editorconfig. Put it right with: dotnet format Dumont.slnx");
        }

        // Tidy is one of the test programs.
        return await TestVerb.RunAsync(repository, filter: "", cancellationToken);
    }
}
