using Dumont.Cli.Actions;
using Dumont.Cli.Grammar;
using Dumont.Cli.Help;
using Dumont.Cli.Output;
using Dumont.Contracts;

namespace Dumont.Cli;

/// <summary>One run of the program: arguments in, exit code out. The boundary where every failure becomes a message.</summary>
internal static class CliApplication
{
    public static string ProgramVersion { get; } =
        typeof(CliApplication).Assembly.GetName().Version is { } version ? $"{version.Major}.{version.Minor}.{version.Build}" : "0.0.0";

    public static async Task<int> RunAsync(string[] args, CliEnvironment environment, CancellationToken cancellationToken)
    {
        var options = GlobalOptions.Parse(args, environment.Variables, out var arguments, out var error);
        var errors = new ErrorPrinter(environment, options);
        ExitCode exitCode;
        try
        {
            exitCode = error is null ? await DispatchAsync(arguments, environment, options, errors, cancellationToken) : errors.Print(error);
        }
        catch (CliException e)
        {
            exitCode = errors.Print(e);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            exitCode = ExitCode.Interrupted;
        }
        catch (IOException e) when (e.InnerException is System.Net.Sockets.SocketException { SocketErrorCode: System.Net.Sockets.SocketError.Shutdown })
        {
            // The reader of our output has gone: dumont instance list | head -1.
            exitCode = ExitCode.Ok;
        }
        catch (Exception e)
        {
            exitCode = errors.PrintDefect(e);
        }

        try
        {
            environment.Out.Flush();
            environment.Error.Flush();
        }
        catch (IOException)
        {
            // A closed pipe: there is nobody to tell.
        }

        return (int)exitCode;
    }

    private static async Task<ExitCode> DispatchAsync(
        List<string> arguments, CliEnvironment environment, GlobalOptions options, ErrorPrinter errors, CancellationToken cancellationToken)
    {
        if (options.Version && arguments.Count == 0)
        {
            environment.Out.WriteLine($"dumont {ProgramVersion}");
            return ExitCode.Ok;
        }

        if (arguments.Count == 0 || arguments[0] == "help")
        {
            return HelpPrinter.Print(arguments, environment, options);
        }

        if (arguments[0] == CompletionActions.HiddenCommand)
        {
            return CompletionActions.Complete(arguments, environment);
        }

        switch (CommandLineParser.Parse(arguments, options.Help))
        {
            case CommandLineParser.Parsed.Run(var invocation):
                return await RunCommandAsync(environment, options, errors, invocation, cancellationToken);
            case CommandLineParser.Parsed.ResourceHelp(var resource):
                new HelpPrinter(environment.Out, environment, options).Resource(resource);
                return ExitCode.Ok;
            case CommandLineParser.Parsed.CommandHelp(var resource, var command):
                new HelpPrinter(environment.Out, environment, options).Command(resource, command);
                return ExitCode.Ok;
            default:
                throw new System.Diagnostics.UnreachableException();
        }
    }

    private static async Task<ExitCode> RunCommandAsync(
        CliEnvironment environment, GlobalOptions options, ErrorPrinter errors, Invocation invocation, CancellationToken cancellationToken)
    {
        using var context = new CommandContext(environment, options, invocation);
        try
        {
            return invocation.Command.Handler is { } handler
                ? await handler(context, cancellationToken)
                : await CommandRunner.RunAsync(context, cancellationToken);
        }
        catch (DumontApiException e)
        {
            context.Progress.End();
            return errors.Print(e, invocation.PathAndQuery, context.Session.OtherServer);
        }
        catch (HttpRequestException e)
        {
            context.Progress.End();
            return errors.Print(e, context.Session.BaseUrl);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            context.Progress.End();
            return errors.Print(new CliException(
                ExitCode.Unavailable, new("the server did not answer in time", "o servidor não respondeu a tempo")));
        }
    }
}
