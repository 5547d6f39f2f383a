using Microsoft.Extensions.Logging;

namespace Dumont.Simulation.Server;

/// <summary>A tick that fails by an exception that nobody foresaw is a defect.</summary>
internal sealed class SimLogger<T>(Checks checks) : ILogger<T>
{
    /// <inheritdoc />
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    /// <inheritdoc />
    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

    /// <inheritdoc />
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        // A tick that ran into its limit is cancelled; that is foreseen.
        if (logLevel >= LogLevel.Error && exception is not OperationCanceledException)
        {
            checks.Break("no unforeseen error", $"{formatter(state, exception)}: {exception}");
        }
    }
}
